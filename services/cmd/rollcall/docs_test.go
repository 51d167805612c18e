package main

import (
	"testing"
)

// The page is read in a browser, in both colour schemes and on a small phone.
func TestDocsPageInABrowser(t *testing.T) {
	p := startUp(t, t.TempDir())
	b := openChromium(t, p.url())
	for _, scheme := range []struct{ name, ground string }{{"light", "rgb(245, 246, 244)"}, {"dark", "rgb(15, 21, 19)"}} {
		b.scheme(scheme.name)
		b.open("/api/docs")
		b.waitForText("/api/v1/bulk-upload/process")
		b.waitFor(`getComputedStyle(document.body).backgroundColor === "` + scheme.ground + `"`)
		b.picture("docs-" + scheme.name)
	}
	b.must(b.resize(360, 740))
	b.isTrue(`[...document.querySelectorAll("details")].every((d) => d.open = true)`)
	b.checkFits()
	b.open("/api/docs/commands")
	b.waitForText("rollcall watch-dir")
	b.picture("docs-commands")
	b.checkFits()
}
