package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// axe is the source of axe-core, which looks for violations of WCAG 2.2 AA in a page.
var axe = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "axe")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is of no use to anybody
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "axe"))); err != nil {
		return "", err
	}
	cmd := exec.Command("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	if _, err := cmd.Output(); err != nil {
		return "", err
	}
	source, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(source), err
})

const runAxe = `axe.run({
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], preload: false,
	resultTypes: ["violations"],
}).then((r) => JSON.stringify(r.violations.map((v) => ({
	rule: v.id, help: v.help, where: v.nodes.slice(0, 3).map((n) => n.target.join(" ") + ": " +
		[...n.any, ...n.all, ...n.none].map((c) => c.message).join("; ")),
}))))`

// look is a way in which a person has the page before them.
type look struct {
	name, scheme  string
	width, height int64
	phone         bool
}

// looks are the ways in which each view is examined. A page at 200 % has half the room.
var looks = []look{
	{"light", "light", 1280, 900, false}, {"dark at 200 %", "dark", 640, 450, false}, {"320 px", "light", 320, 740, true},
}

// examine looks at the page as it is now: no violation of WCAG 2.2 AA and no bad habit that
// axe knows, one main heading, nothing that is wider than the window, no text with its places
// still in it, and nothing that moves for whoever wants that nothing moves.
func (b *tab) examine(name string) {
	b.t.Helper()
	source, err := axe()
	if err != nil {
		b.t.Fatalf("axe-core: %v", err)
	}
	before := b.look
	if !b.isTrue("window.axe") {
		evaluate[bool](b, source+"; true")
	}
	for _, l := range looks {
		b.setScheme(l.scheme)
		b.setSize(l.width, l.height, l.phone)
		found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](runAxe, chromedp.EvalAwaitPromise))
		if err != nil {
			b.t.Fatal(err)
		}
		var violations []struct {
			Rule, Help string
			Where      []string
		}
		if err := json.Unmarshal([]byte(found), &violations); err != nil {
			b.t.Fatal(err)
		}
		for _, v := range violations {
			b.t.Errorf("%s, %s: %s (%s)\n\t%s", name, l.name, v.Help, v.Rule, strings.Join(v.Where, "\n\t"))
		}
		if wide := evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			b.t.Errorf("%s, %s: the page is %d pixels wider than the window", name, l.name, wide)
		}
	}
	if n := evaluate[int](b, `[...document.querySelectorAll("h1")].filter((e) => e.checkVisibility()).length`); n != 1 {
		b.t.Errorf("%s: %d main headings", name, n)
	}
	const unsaid = `/\{[a-z]+\}|undefined|\[object/.exec(document.body.outerHTML)?.[0] ?? ""`
	if text := evaluate[string](b, unsaid); text != "" {
		b.t.Errorf("%s: the page says %q", name, text)
	}
	if n := evaluate[int](b, `document.getAnimations().length`); n > 0 {
		b.t.Errorf("%s: %d things move", name, n)
	}
	b.setScheme(before.scheme)
	b.setSize(before.width, before.height, before.phone)
}
