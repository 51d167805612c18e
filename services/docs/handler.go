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
const policy = "default-src 'none'; object-src 'none'; style-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// Mount serves the index at /api/docs, and below it the pages of the folder docs, the
// named documents and all files that they may refer to. Each document is OpenAPI or
// AsyncAPI in YAML. Mount fails if a document cannot be read or has a reference that
// leads nowhere. The server adds the headers of httpserver.Shield.
func Mount(mux *http.ServeMux, files fs.FS, documents ...string) error {
	pages, err := readPages()
	if err != nil {
		return err
	}
	text, err := renderIndex(files, documents, pages)
	if err != nil {
		return err
	}
	if err := mountPages(mux, pages); err != nil {
		return err
	}
	mux.Handle("GET /api/docs", serveBytes("page.html", text))
	mux.Handle("GET /api/docs/{$}", http.RedirectHandler("/api/docs", http.StatusMovedPermanently))
	mux.Handle("GET /api/docs/page.css", serveBytes("page.css", pageCSS))
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read document: %w", err)
		}
		mux.Handle("GET /api/docs/"+name, serveBytes(name, data))
		return nil
	})
}

func renderIndex(files fs.FS, names []string, pages []Page) ([]byte, error) {
	lib := newLibrary(files)
	var documents []Document
	for _, name := range names {
		root, err := lib.open(name)
		if err != nil {
			return nil, err
		}
		info := root.at("info")
		d := Document{
			File: name, ID: "file-" + name, Text: info.child("description").text(),
			Title: info.child("title").text() + " " + info.child("version").text(),
		}
		switch {
		case root.child("openapi").exists():
			d.Kind = "OpenAPI " + root.child("openapi").text()
			d.Sections, err = openAPISections(root)
		case root.child("asyncapi").exists():
			d.Kind = "AsyncAPI " + root.child("asyncapi").text()
			d.Sections = asyncAPISections(root)
		default:
			err = fmt.Errorf("document %s is neither OpenAPI nor AsyncAPI", name)
		}
		if err == nil {
			err = lib.err
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return render(documents, pages)
}

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".yaml": "application/yaml", ".json": "application/json",
}

// serveBytes serves bytes. The ETag lets a browser ask each time whether they have
// changed.
func serveBytes(name string, data []byte) http.Handler {
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentTypes[path.Ext(name)])
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}
