package main

import (
	"testing"
)

// The page is read in a browser, in both colour schemes and on a small phone.
func TestDocsPageInABrowser(t *testing.T) {
	p := startUp(t, t.TempDir())
	b := openTab(t, p.url())
	for _, scheme := range []struct{ name, ground string }{{"light", "rgb(245, 246, 244)"}, {"dark", "rgb(15, 21, 19)"}} {
		b.setScheme(scheme.name)
		b.open("/api/docs")
		b.waitForText("/api/v1/bulk-upload/process")
		b.waitFor(`getComputedStyle(document.body).backgroundColor === "` + scheme.ground + `"`)
		b.screenshot("docs-" + scheme.name)
	}
	b.setSize(360, 740, true)
	evaluate[bool](b, `[...document.querySelectorAll("details")].every((d) => d.open = true)`)
	b.checkFits()
	b.open("/api/docs/commands")
	b.waitForText("rollcall watch-dir")
	b.screenshot("docs-commands")
	b.checkFits()
}
