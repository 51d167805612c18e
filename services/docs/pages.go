package docs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The pages of the folder docs at the top, as HTML. A test makes them from the
// Markdown, so that no program has to read Markdown.
//
//go:generate go test . -run TestPagesAreCurrent -update
//go:embed pages/*.html
var pageFiles embed.FS

// pageOrder is the order in which somebody new reads the pages.
var pageOrder = []string{
	"architecture", "events", "rest", "cells", "gateway", "moving", "commands", "operations",
	"reliability", "access", "security", "privacy", "performance", "upgrade",
}

// Page is a page of the folder docs.
type Page struct {
	// Name is its address below /api/docs.
	Name, Title string
	// Question says what the page answers, as HTML.
	Question template.HTML
	Body     template.HTML
}

// opening finds the title of a page and the paragraph below it.
var opening = regexp.MustCompile(`(?s)^<h1[^>]*>(.*?)</h1>\n<p>(.*?)</p>`)

// readPages returns the pages in order. It fails if a page does not begin with a
// title and a paragraph, or is missing in pageOrder.
func readPages() ([]Page, error) {
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	if len(names) != len(pageOrder) {
		return nil, fmt.Errorf("list pages: there are %d, pageOrder has %d", len(names), len(pageOrder))
	}
	pages := make([]Page, len(names))
	for _, file := range names {
		text, err := fs.ReadFile(pageFiles, file)
		if err != nil {
			return nil, fmt.Errorf("read page: %w", err)
		}
		name := strings.TrimSuffix(path.Base(file), ".html")
		found := opening.FindSubmatch(text)
		index := slices.Index(pageOrder, name)
		if found == nil || index < 0 {
			return nil, fmt.Errorf("read page: %s has no title and first paragraph, or is missing in pageOrder", file)
		}
		pages[index] = Page{Name: name, Title: string(found[1]), Question: template.HTML(found[2]),
			Body: template.HTML(text)}
	}
	return pages, nil
}

//go:embed prose.html
var proseHTML string

var proseLayout = template.Must(template.New("prose").Parse(proseHTML))

// mountPages serves each page below /api/docs.
func mountPages(mux *http.ServeMux, pages []Page) error {
	for _, p := range pages {
		var out bytes.Buffer
		if err := proseLayout.Execute(&out, struct {
			Page
			All []Page
		}{p, pages}); err != nil {
			return fmt.Errorf("render page %s: %w", p.Name, err)
		}
		mux.Handle("GET /api/docs/"+p.Name, serveBytes(p.Name+".html", out.Bytes()))
	}
	return nil
}
