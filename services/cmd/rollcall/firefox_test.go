package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// firefoxPrefs keep Firefox from talking to anybody but the page's server.
const firefoxPrefs = `user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.download.always_ask_before_handling_new_types", false);
user_pref("browser.download.alwaysOpenPanel", false);
user_pref("browser.download.folderList", 2);
user_pref("browser.startup.page", 0);
user_pref("captivedetect.canonicalURL", "");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.dns.disablePrefetch", true);
user_pref("network.prefetch-next", false);
user_pref("pdfjs.disabled", true);
user_pref("remote.active-protocols", 1);
user_pref("services.settings.server", "http://127.0.0.1:1/");
user_pref("toolkit.telemetry.enabled", false);
user_pref("ui.prefersReducedMotion", 1);
user_pref("layout.css.prefers-color-scheme.content-override", 1);
`

// firefox is a page of a headless Firefox, driven by WebDriver BiDi.
type firefox struct {
	t       *testing.T
	conn    *websocket.Conn
	ctx     context.Context
	context string // of browsing
	host    string
	saved   string // the folder of downloads

	mu       sync.Mutex
	last     int
	answers  map[int]chan bidiMessage
	expected []string
	allowed  []string // addresses of others
}

// bidiMessage is an answer or an event.
type bidiMessage struct {
	ID      int             `json:"id"`
	Type    string          `json:"type"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

func openFirefox(t *testing.T, url string) *page {
	t.Helper()
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		t.Fatal("firefox-esr is missing: go tool task firefox installs it")
	}
	home := t.TempDir()
	profile, saved := filepath.Join(home, "profile"), t.TempDir()
	if err := os.MkdirAll(profile, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPrefs+
		fmt.Sprintf("user_pref(\"browser.download.dir\", %q);\n", saved)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile,
		"about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listens := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		found := regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if m := found.FindStringSubmatch(lines.Text()); m != nil {
				listens <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-read
		_ = cmd.Wait() // says that it was killed
	})
	f := &firefox{
		t: t, ctx: ctx, saved: saved, host: strings.TrimPrefix(url, "http://"), answers: map[int]chan bidiMessage{},
	}
	select {
	case address := <-listens:
		if f.conn, _, err = websocket.Dial(ctx, address+"/session", nil); err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal("firefox does not say where it listens")
	}
	f.conn.SetReadLimit(64 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.read()
	}()
	t.Cleanup(func() {
		_ = f.conn.CloseNow()
		<-done
	})
	f.must("session.new", map[string]any{"capabilities": map[string]any{}}, nil)
	var tree struct{ Contexts []struct{ Context string } }
	f.must("browsingContext.getTree", map[string]any{}, &tree)
	f.context = tree.Contexts[0].Context
	f.must("session.subscribe", map[string]any{"events": []string{"log.entryAdded", "network.beforeRequestSent"}}, nil)
	p := &page{t: t, driver: f, url: url, name: "firefox"}
	p.resize(1280, 900)
	return p
}

// read takes answers and events until the connection ends.
func (f *firefox) read() {
	for {
		_, data, err := f.conn.Read(f.ctx)
		if err != nil {
			return
		}
		var m bidiMessage
		if err := json.Unmarshal(data, &m); err != nil {
			f.t.Errorf("firefox says what cannot be read: %v", err)
			return
		}
		if m.Type == "event" {
			f.handleEvent(m)
			continue
		}
		f.mu.Lock()
		answer := f.answers[m.ID]
		delete(f.answers, m.ID)
		f.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

func (f *firefox) handleEvent(m bidiMessage) {
	var p struct {
		Level, Text string
		Request     struct{ URL string }
	}
	if err := json.Unmarshal(m.Params, &p); err != nil {
		f.t.Errorf("an event of firefox cannot be read: %v", err)
	}
	switch {
	case m.Method == "log.entryAdded" && p.Level == "error" && !f.isExpected(p.Text):
		f.t.Errorf("the browser says: %s", p.Text)
	case m.Method == "network.beforeRequestSent" && strings.HasPrefix(p.Request.URL, "http") &&
		!f.isAllowed(p.Request.URL):
		f.t.Errorf("a request to a foreign host: %s", p.Request.URL)
	}
}

func (f *firefox) expect(starts ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expected = starts
}

func (f *firefox) downloads() string { return f.saved }

func (f *firefox) allow(url string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.allowed = append(f.allowed, url+"/")
}

func (f *firefox) isAllowed(url string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(append(f.allowed, "http://"+f.host+"/"), func(start string) bool {
		return strings.HasPrefix(url, start)
	})
}

func (f *firefox) isExpected(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.expected, func(start string) bool { return strings.HasPrefix(text, start) })
}

// call sends a command and waits for its answer.
func (f *firefox) call(method string, params map[string]any, to any) error {
	answer := make(chan bidiMessage, 1)
	f.mu.Lock()
	f.last++
	id := f.last
	f.answers[id] = answer
	f.mu.Unlock()
	data, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := f.conn.Write(f.ctx, websocket.MessageText, data); err != nil {
		return err
	}
	select {
	case m := <-answer:
		if m.Error != "" {
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		}
		if to == nil {
			return nil
		}
		return json.Unmarshal(m.Result, to)
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
}

func (f *firefox) must(method string, params map[string]any, to any) {
	f.t.Helper()
	if err := f.call(method, params, to); err != nil {
		f.t.Fatal(err)
	}
}

func (f *firefox) navigate(url string) error {
	return f.call("browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "complete"}, nil)
}

func (f *firefox) reload() error {
	return f.call("browsingContext.reload", map[string]any{"context": f.context, "wait": "complete"}, nil)
}

func (f *firefox) evaluate(expression string) (string, error) {
	var got struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := f.call("script.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "target": map[string]any{"context": f.context},
	}, &got)
	if err == nil && got.Type != "success" {
		err = fmt.Errorf("%s: %s", expression, got.ExceptionDetails.Text)
	}
	return got.Result.Value, err
}

func (f *firefox) setFiles(selector string, files []string) error {
	var found struct{ Nodes []struct{ SharedID string } }
	err := f.call("browsingContext.locateNodes", map[string]any{
		"context": f.context, "locator": map[string]any{"type": "css", "value": selector},
	}, &found)
	if err != nil {
		return err
	}
	if len(found.Nodes) != 1 {
		return fmt.Errorf("%d elements are %s", len(found.Nodes), selector)
	}
	return f.call("input.setFiles", map[string]any{
		"context": f.context, "element": map[string]any{"sharedId": found.Nodes[0].SharedID}, "files": files,
	}, nil)
}

func (f *firefox) clickAt(x, y int) error {
	return f.perform("pointer", map[string]any{"pointerType": "mouse"}, []map[string]any{
		{"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0},
	})
}

// keyNames are the keys of WebDriver by the names of the page's events.
var keyNames = map[string]string{
	"Enter": "\uE007", "Tab": "\uE004", "Escape": "\uE00C", "ArrowDown": "\uE015", "ArrowUp": "\uE013", "End": "\uE010",
	"Home": "\uE011", "Backspace": "\uE003", "PageDown": "\uE00F",
}

func (f *firefox) press(key string) error { return f.typeText(keyNames[key]) }

func (f *firefox) typeText(text string) error {
	var keys []map[string]any
	for _, r := range text {
		keys = append(keys, map[string]any{"type": "keyDown", "value": string(r)},
			map[string]any{"type": "keyUp", "value": string(r)})
	}
	return f.perform("key", nil, keys)
}

func (f *firefox) perform(kind string, parameters map[string]any, actions []map[string]any) error {
	source := map[string]any{"type": kind, "id": kind, "actions": actions}
	if parameters != nil {
		source["parameters"] = parameters
	}
	return f.call("input.performActions", map[string]any{"context": f.context, "actions": []any{source}}, nil)
}

func (f *firefox) capture() ([]byte, error) {
	var got struct{ Data string }
	err := f.call("browsingContext.captureScreenshot", map[string]any{"context": f.context, "origin": "document"}, &got)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(got.Data)
}

func (f *firefox) resize(width, height int) error {
	return f.call("browsingContext.setViewport", map[string]any{
		"context": f.context, "viewport": map[string]any{"width": width, "height": height},
	}, nil)
}
