// Package console is the web console: a page on which a person signs in with a token,
// uploads a spreadsheet and follows its job, live or step by step.
//
// It is written in TypeScript, in src. The bundle that esbuild makes of it is committed
// in dist, so that building rollcall needs only Go.
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

//go:generate -command bundle go tool esbuild src/main.ts src/main.css --bundle --minify
//go:generate bundle --target=es2022 --format=esm --charset=utf8 --outdir=dist

//go:embed index.html src/icon.svg dist/main.js dist/main.css
var files embed.FS

// policy lets the page load its own files and talk to its own server, and nothing else.
const policy = "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// Mount serves the page at / and its files below /assets/. The server around mux sets the
// headers that every answer has; Mount sets those that are different here.
func Mount(mux *http.ServeMux) {
	mux.Handle("GET /{$}", serveFile("index.html"))
	for _, name := range []string{"dist/main.js", "dist/main.css", "src/icon.svg"} {
		mux.Handle("GET /assets/"+path.Base(name), serveFile(name))
	}
}

// serveFile serves one embedded file. The browser asks each time whether it has changed,
// so that after an update nobody runs half of an old page.
func serveFile(name string) http.Handler {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err) // cannot happen: it is embedded
	}
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(data))
	})
}
