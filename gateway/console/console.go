// Package console is the web console: a page on which a person signs in with a token,
// uploads a spreadsheet and follows its job, live or step by step.
//
// It is written in TypeScript, in src. The bundle that esbuild makes of it is committed
// in dist, so that building rollcall needs only Go. English is in the bundle, each other
// language in a file of its own.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
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
	page := newFile("index.html", bytes.ReplaceAll(read("index.html"), []byte("VERSION"), []byte(version)))
	serve := func(w http.ResponseWriter, r *http.Request) { page.serve(w, r, policy, askAgain) }
	mux.HandleFunc("GET /{$}", serve)
	mux.HandleFunc("GET "+provider.RedirectPath, serve)
	mux.HandleFunc("GET /assets/{version}/{name...}", func(w http.ResponseWriter, r *http.Request) {
		f, known := assets[r.PathValue("name")]
		switch {
		case !known:
			http.NotFound(w, r)
		case r.PathValue("version") == version:
			f.serve(w, r, policy, forever)
		default:
			// A page that came before an update, or from another server: what there is now is
			// whole in itself.
			f.serve(w, r, policy, askAgain)
		}
	})
	mux.Handle("GET "+provider.WaysPath, ways)
}

// How long a browser may use an answer: until the page names another version, or not without
// asking whether it has changed.
const (
	forever  = "public, max-age=31536000, immutable"
	askAgain = "no-cache"
)

// assets are the files that the page loads, by their names below the version, and version
// is the hash of them all.
var assets, version = load()

func load() (map[string]*file, string) {
	all := map[string]*file{"icon.svg": newFile("icon.svg", read("src/icon.svg"))}
	err := fs.WalkDir(files, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			short := strings.TrimPrefix(name, "dist/")
			all[short] = newFile(short, read(name))
		}
		return err
	})
	if err != nil {
		panic(err) // cannot happen: it is embedded
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sum.Write([]byte(name + all[name].etag))
	}
	return all, hex.EncodeToString(sum.Sum(nil)[:8])
}

func read(name string) []byte {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err) // cannot happen: it is embedded
	}
	return data
}

// file is one file of the page, as it is and compressed.
type file struct {
	name, etag    string
	plain, zipped []byte
}

func newFile(name string, data []byte) *file {
	sum := sha256.Sum256(data)
	var zipped bytes.Buffer
	z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		panic(err) // cannot happen: the level is one of the package
	}
	_, _ = z.Write(data) // a buffer takes all
	_ = z.Close()
	return &file{name: name, etag: hex.EncodeToString(sum[:16]), plain: data, zipped: zipped.Bytes()}
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, policy, caching string) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", caching)
	h.Set("Vary", "Accept-Encoding")
	data, etag := f.plain, f.etag
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		data, etag = f.zipped, etag+"-gzip"
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, path.Base(f.name), time.Time{}, bytes.NewReader(data))
}

// takesGzip tells whether a client names gzip among the encodings that it takes. One that
// weighs it gets the file as it is.
func takesGzip(r *http.Request) bool {
	for encoding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(encoding) == "gzip" {
			return true
		}
	}
	return false
}
