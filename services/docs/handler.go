package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed page.css
var pageCSS []byte

// policy lets the page load its style and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Mount serves the page at /api/docs, and below it the pages of the folder docs, the
// named documents and all files that they may refer to. Each document is OpenAPI or
// AsyncAPI in YAML. The error is one of the documents: it cannot be read, or refers
// to nothing.
func Mount(mux *http.ServeMux, files fs.FS, documents ...string) error {
	pages, err := readPages()
	if err != nil {
		return err
	}
	text, err := pageOf(files, documents, pages)
	if err != nil {
		return err
	}
	if err := mountPages(mux, pages); err != nil {
		return err
	}
	mux.Handle("GET /api/docs", serve("page.html", text))
	mux.Handle("GET /api/docs/{$}", http.RedirectHandler("/api/docs", http.StatusMovedPermanently))
	mux.Handle("GET /api/docs/page.css", serve("page.css", pageCSS))
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read document: %w", err)
		}
		mux.Handle("GET /api/docs/"+name, serve(name, data))
		return nil
	})
}

func pageOf(files fs.FS, names []string, pages []Page) ([]byte, error) {
	lib := newLibrary(files)
	var documents []Document
	for _, name := range names {
		root, err := lib.open(name)
		if err != nil {
			return nil, err
		}
		d := Document{File: name, ID: "file-" + name, Title: root.at("info", "title").text() + " " + root.at("info", "version").text(), Text: root.at("info", "description").text()}
		switch {
		case root.child("openapi").ok():
			d.Kind = "OpenAPI " + root.child("openapi").text()
			d.Sections, err = openAPI(root)
		case root.child("asyncapi").ok():
			d.Kind = "AsyncAPI " + root.child("asyncapi").text()
			d.Sections = asyncAPI(root)
		default:
			err = fmt.Errorf("document %s is neither OpenAPI nor AsyncAPI", name)
		}
		if err == nil {
			err = lib.lost
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return render(documents, pages)
}

var types = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".yaml": "application/yaml", ".json": "application/json"}

// serve serves bytes; a browser asks each time whether they are still the same.
func serve(name string, data []byte) http.Handler {
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", types[path.Ext(name)])
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}
