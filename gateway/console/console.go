// Package console is the web console: a page on which a person signs in with a token,
// uploads a spreadsheet and follows its job, live or step by step.
//
// It is written in TypeScript, in src. The bundle that esbuild makes of it is committed
// in dist, so that building rollcall needs only Go. English is in the bundle, each other
// language in a file of its own.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"rollcall.example/gateway/auth/provider"
)

//go:generate -command bundle go tool esbuild --bundle --minify --target=es2022 --format=esm --charset=utf8
//go:generate bundle src/main.ts src/main.css src/languages/af.ts src/languages/zu.ts src/languages/xh.ts --outdir=dist

//go:embed index.html src/icon.svg dist
var files embed.FS

// policyFor lets the page load its own files and talk to its own server and to these
// origins, and nothing else.
func policyFor(connect []string) string {
	return "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; connect-src " +
		strings.Join(append([]string{"'self'"}, connect...), " ") +
		"; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
}

// Mount serves the page at / and where a provider sends the browser back to, its files
// below /assets/ and the ways in. The page may talk to the origins in connect, those of
// the provider; nil is none. The server around mux sets the headers that every answer has;
// Mount sets those that are different here.
func Mount(mux *http.ServeMux, ways http.Handler, connect []string) {
	policy := policyFor(connect)
	mux.Handle("GET /{$}", serveFile("index.html", policy))
	mux.Handle("GET "+provider.RedirectPath, serveFile("index.html", policy))
	mux.Handle("GET /assets/icon.svg", serveFile("src/icon.svg", policy))
	for _, name := range bundled() {
		mux.Handle("GET /assets/"+name, serveFile("dist/"+name, policy))
	}
	mux.Handle("GET "+provider.WaysPath, ways)
}

// bundled returns the names of the files in dist.
func bundled() (names []string) {
	err := fs.WalkDir(files, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(name, "dist/"))
		}
		return err
	})
	if err != nil {
		panic(err) // cannot happen: it is embedded
	}
	return names
}

// serveFile serves one embedded file. The browser asks each time whether it has changed,
// so that after an update nobody runs half of an old page.
func serveFile(name, policy string) http.Handler {
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
