// Package console is the web console: a page on which a person signs in with a
// token, uploads a spreadsheet and follows its job, live or step by step.
//
// It is written in TypeScript, in src. What esbuild made of it is committed in
// dist, so that nobody needs more than Go to build rollcall.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:generate go tool esbuild src/main.ts src/main.css --bundle --minify --target=es2022 --format=esm --charset=utf8 --outdir=dist

//go:embed index.html src/icon.svg dist/main.js dist/main.css
var files embed.FS

// policy lets the page load its own files and speak to its own server, and
// nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// Mount serves the page at / and its files below /assets/.
func Mount(mux *http.ServeMux) {
	mux.Handle("GET /{$}", file("index.html"))
	for _, name := range []string{"dist/main.js", "dist/main.css", "src/icon.svg"} {
		mux.Handle("GET /assets/"+path.Base(name), file(name))
	}
}

// file serves one embedded file. A browser asks each time whether it is still
// the same, so that after an update nobody runs half of an old page.
func file(name string) http.Handler {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(data))
	})
}
