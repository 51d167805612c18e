package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// driver does in a browser what a person does.
type driver interface {
	navigate(url string) error
	reload() error
	// evaluate returns the text that an expression has as its value.
	evaluate(expression string) (string, error)
	setFiles(selector string, files []string) error
	clickAt(x, y int) error
	typeText(text string) error
	press(key string) error
	// capture takes a picture of the whole page.
	capture() ([]byte, error)
	resize(width, height int) error
	// expect allows complaints of the browser that start with one of these texts.
	expect(starts ...string)
	// allow lets the page use another address.
	allow(url string)
	// downloads is the folder in which the browser saves files.
	downloads() string
}

// page is a page in one of the browsers, for tests that are the same in each.
type page struct {
	t *testing.T
	driver
	url, name string
}

// browsers are the browsers that the console is tested in.
var browsers = map[string]func(t *testing.T, url string) *page{"chromium": openChromium, "firefox": openFirefox}

func openChromium(t *testing.T, url string) *page {
	t.Helper()
	b := openTab(t, url)
	b.setScheme("light")
	return &page{t: t, driver: chromium{b}, url: url, name: "chromium"}
}

// chromium drives a tab of Chromium.
type chromium struct{ *tab }

func (c chromium) run(actions ...chromedp.Action[chromedp.Void]) error {
	return chromedp.Do(c.ctx, actions...)
}

func (c chromium) navigate(url string) error { return c.run(chromedp.Navigate(url)) }

func (c chromium) reload() error { return c.run(chromedp.Reload()) }

func (c chromium) evaluate(expression string) (string, error) {
	return chromedp.Run(c.ctx, chromedp.Evaluate[string](expression))
}

func (c chromium) setFiles(selector string, files []string) error {
	return c.run(chromedp.SetUploadFiles(chromedp.CSS(selector), files))
}

func (c chromium) clickAt(x, y int) error {
	return c.run(chromedp.MouseClickXY(float64(x), float64(y)))
}

func (c chromium) typeText(text string) error { return c.run(chromedp.KeyEvent(text)) }

func (c chromium) press(key string) error {
	keys := map[string]string{
		"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape, "ArrowDown": kb.ArrowDown, "ArrowUp": kb.ArrowUp,
		"End": kb.End, "Home": kb.Home, "Backspace": kb.Backspace, "PageDown": kb.PageDown,
	}
	return c.run(chromedp.KeyEvent(keys[key]))
}

func (c chromium) capture() ([]byte, error) { return chromedp.Run(c.ctx, chromedp.FullScreenshot(100)) }

func (c chromium) resize(width, height int) error {
	c.setSize(int64(width), int64(height), false)
	return nil
}

func (c chromium) downloads() string { return c.dir }

func (p *page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) open(path string) { p.t.Helper(); p.must(p.navigate(p.url + path)) }

// inEachBrowser runs a test in each browser, side by side.
func inEachBrowser(t *testing.T, test func(t *testing.T, open func(t *testing.T, url string) *page)) {
	for name, open := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

func (p *page) reload() { p.t.Helper(); p.must(p.driver.reload()) }

func (p *page) address() string { p.t.Helper(); return value[string](p, "location.href") }

func (p *page) text(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(value[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)))
}

// enter types a text into an empty field, or after what is there.
func (p *page) enter(selector, text string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`(document.querySelector(%[1]q)?.focus(), document.activeElement.matches(%[1]q))`, selector))
	p.must(p.typeText(text))
}

// set gives a field a value, and tells the page so.
func (p *page) set(selector, value, event string) {
	p.t.Helper()
	if !p.isTrue(fmt.Sprintf(`(() => {
		const field = document.querySelector(%q);
		field.value = %q;
		return field.dispatchEvent(new Event(%q));
	})()`, selector, value, event)) {
		p.t.Errorf("%s heard nothing", selector)
	}
}

// scheme sets the colour scheme, light or dark, where that can be done: Firefox stays light.
func (p *page) scheme(name string) {
	p.t.Helper()
	if b, is := p.driver.(chromium); is {
		b.setScheme(name)
	}
}

// checkKeyboard goes through the page with Tab alone. Everything that a mouse reaches has to
// be reached, and to show that it is.
func (p *page) checkKeyboard() {
	p.t.Helper()
	const list = `[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
		.filter((e) => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }))`
	n := value[int](p, `(() => {
		document.querySelector(".skip").focus();
		window.stops = new Set([document.activeElement]);
		return `+list+`.length;
	})()`)
	for range n + 20 {
		p.must(p.press("Tab"))
		switch said := value[string](p, `(() => {
			const e = document.activeElement;
			if (e === document.body || window.stops.has(e)) return "end";
			window.stops.add(e);
			const style = getComputedStyle(e.matches(".visually-hidden") ? e.parentElement : e);
			return style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2 ? e.outerHTML.slice(0, 200) : "";
		})()`); said {
		case "":
			continue
		case "end":
		default:
			if p.name == "chromium" { // Firefox shows no focus in a window without a screen
				p.t.Errorf("focus cannot be seen on %s", said)
			}
			continue
		}
		break
	}
	const missed = list + `.filter((e) => !window.stops.has(e)).map((e) => e.outerHTML.slice(0, 200))`
	for _, e := range value[[]string](p, missed) {
		p.t.Errorf("no way by keyboard to %s", e)
	}
}

// checkFits checks that the page is not wider than the window.
func (p *page) checkFits() {
	p.t.Helper()
	if !p.isTrue(`document.documentElement.scrollWidth <= innerWidth`) {
		p.picture("too-wide")
		p.t.Error("the page is wider than the window")
	}
}

// download clicks a button and returns the path of the file that it saves.
func (p *page) download(button string) string {
	p.t.Helper()
	saved := func() (whole []string) {
		all, err := os.ReadDir(p.downloads())
		p.must(err)
		for _, e := range all {
			info, err := e.Info()
			end := filepath.Ext(e.Name())
			if err != nil || info.Size() == 0 || end == ".part" || end == ".crdownload" {
				continue // it is on its way
			}
			whole = append(whole, filepath.Join(p.downloads(), e.Name()))
		}
		return whole
	}
	before := saved()
	p.click(button)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, file := range saved() {
			if !slices.Contains(before, file) {
				return file
			}
		}
	}
	p.t.Fatalf("%s saved nothing: %s", button, p.text(".error"))
	return ""
}

// value returns the value of an expression in the page.
func value[T any](p *page, expression string) (v T) {
	p.t.Helper()
	text, err := p.evaluate("JSON.stringify((" + expression + ") ?? null)")
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (p *page) isTrue(expression string) bool {
	p.t.Helper()
	return value[bool](p, "!!("+expression+")")
}

// waitFor waits until an expression is true in the page. Between two pages nothing is.
func (p *page) waitFor(expression string) {
	p.t.Helper()
	isTrue := func() bool {
		said, err := p.evaluate("JSON.stringify(!!(" + expression + "))")
		return err == nil && said == "true"
	}
	for end := time.Now().Add(time.Minute); !isTrue(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.picture("in-vain")
			p.t.Fatalf("waited in vain for %s; the page says:\n%s", expression, value[string](p, "document.body.innerText"))
		}
	}
}

func (p *page) waitForText(text string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// clickOn clicks in the middle of the one visible element that an expression has as its value.
func (p *page) clickOn(expression string) {
	p.t.Helper()
	p.waitFor(expression)
	at := value[[2]int](p, `(() => {
		const e = `+expression+`;
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect();
		return [Math.round(r.x + r.width / 2), Math.round(r.y + r.height / 2)];
	})()`)
	p.must(p.clickAt(at[0], at[1]))
}

// click clicks on the visible button, link or summary that has this name.
func (p *page) click(name string) {
	p.t.Helper()
	p.clickOn(fmt.Sprintf(`[...document.querySelectorAll("button, a, summary")].find((e) => e.checkVisibility() &&
		(e.innerText.trim() === %[1]q || e.getAttribute("aria-label") === %[1]q) &&
		e.getAttribute("aria-disabled") !== "true")`, name))
}

// choose chooses an option of a menu, as a person who knows what it is called.
func (p *page) choose(selector, option string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf(`document.querySelector(%q)`, selector))
	if !p.isTrue(fmt.Sprintf(`(() => {
		const menu = document.querySelector(%q), one = [...menu.options].find((o) => o.text === %q);
		if (!one) return false;
		menu.value = one.value;
		menu.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`, selector, option)) {
		p.t.Fatalf("%s has no %s", selector, option)
	}
}

// screenshot saves a picture of the whole page. In Chromium it is examined, too.
func (p *page) screenshot(name string) {
	p.t.Helper()
	if b, is := p.driver.(chromium); is {
		b.examine(name)
	}
	p.picture(name)
}

// picture saves a picture of the whole page.
func (p *page) picture(name string) {
	p.t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	png, err := p.capture()
	p.must(err)
	p.must(os.MkdirAll(dir, 0o755))
	p.must(os.WriteFile(filepath.Join(dir, p.name+"-"+name+".png"), png, 0o600))
}
