package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshots names the variable with the folder in which browser tests keep their pictures.
// Without it, the pictures are removed with the test.
const screenshots = "ROLLCALL_SCREENSHOTS"

// tab is a page of a headless Chromium. An error on its console or a request to another
// host fails the test.
type tab struct {
	t    *testing.T
	ctx  context.Context
	host string
	dir  string // of downloads
	look look

	mu       sync.Mutex
	expected []string
	allowed  []string // addresses of others
}

func openTab(t *testing.T, url string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: go tool task chromium installs it")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update",
		"disable-sync", "disable-dev-shm-usage"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	b := &tab{t: t, host: strings.TrimPrefix(url, "http://"), dir: t.TempDir()}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	ctx, cancelAll := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancelTab := chromedp.NewContext(ctx, chromedp.WithListener(b.handleEvent))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		cancelTab()
		cancelAll()
		cancel()
	})
	b.ctx = ctx
	if err := chromedp.ListenBrowser(ctx, b.handleEvent); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	if _, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: b.dir,
	}); err != nil {
		t.Fatal(err)
	}
	call(b, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: watchShifts})
	b.setDesktopSize()
	b.setScheme("light")
	return b
}

func (b *tab) handleEvent(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.isOwnURL(e.Request.URL)
	case *network.EventWebSocketCreated:
		b.isOwnURL(e.URL)
	case *log.EventEntryAdded: // violations of the page's policy among them
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.addComplaint(e.Entry.Text)
		}
	case *cdpruntime.EventExceptionThrown:
		b.t.Errorf("exception: %s", e.ExceptionDetails.Text)
	case *cdpruntime.EventConsoleAPICalled:
		b.t.Errorf("the page writes to its console: %s", e.Type)
	}
}

func (b *tab) addComplaint(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, start := range b.expected {
		if strings.HasPrefix(text, start) {
			return
		}
	}
	b.t.Errorf("the browser says: %s", text)
}

// expect allows complaints of the browser that start with one of these texts.
func (b *tab) expect(starts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = starts
}

// allow lets the page use another address.
func (b *tab) allow(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, url+"/")
}

func (b *tab) isOwnURL(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, prefix := range b.allowed {
		if strings.HasPrefix(url, prefix) {
			return
		}
	}
	for _, prefix := range []string{"http://" + b.host + "/", "ws://" + b.host + "/", "blob:http://" + b.host + "/",
		"data:"} {
		if strings.HasPrefix(url, prefix) {
			return
		}
	}
	b.t.Errorf("a request to a foreign host: %s", url)
}

func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate returns the value of an expression in the page.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (b *tab) isTrue(expression string) bool {
	b.t.Helper()
	return evaluate[bool](b, "!!("+expression+")")
}

func (b *tab) setSize(width, height int64, phone bool) {
	b.t.Helper()
	b.look.width, b.look.height, b.look.phone = width, height, phone
	call(b, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: phone})
}

func (b *tab) setDesktopSize() { b.t.Helper(); b.setSize(1280, 900, false) }

// setScheme sets the colour scheme, light or dark.
func (b *tab) setScheme(name string) {
	b.t.Helper()
	b.look.scheme = name
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// renew makes a picture of the documentation of what the window shows, if it is asked for.
func (p *page) renew(file string) {
	p.t.Helper()
	c, is := p.driver.(chromium)
	if !is || !*update {
		return
	}
	b := c.tab
	b.setSize(1280, 1180, false)
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", file), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.setDesktopSize()
}
