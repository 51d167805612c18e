package console_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rollcall.example/gateway/auth/provider"
	"rollcall.example/gateway/console"
	"rollcall.example/schema"
)

// The bundle is what esbuild makes of the source, with the flags of go generate.
func TestTheBundleIsNotStale(t *testing.T) {
	dir := bundle(t)
	for _, name := range []string{"main.js", "main.css", "languages/af.js", "languages/zu.js", "languages/xh.js"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("dist", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("dist/%s is stale: run go generate ./gateway/console", name)
		}
	}
}

// bundle makes of the source what go generate does, in a folder of the test.
func bundle(t *testing.T) (dir string) {
	t.Helper()
	source, err := os.ReadFile("console.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^//go:generate -command bundle go tool esbuild (.*)\n` +
		`//go:generate bundle (.*) --outdir=dist$`).FindSubmatch(source)
	if lines == nil {
		t.Fatal("console.go has no go:generate lines for esbuild")
	}
	dir = t.TempDir()
	esbuild(t, append(strings.Fields(string(lines[1])+" "+string(lines[2])), "--outdir="+dir)...)
	return dir
}

// esbuild runs esbuild. What it says is a warning.
func esbuild(t *testing.T, args ...string) {
	t.Helper()
	// Built first, for the go command may say on standard error what it downloads.
	program, err := exec.Command("go", "tool", "-n", "esbuild").Output()
	if err != nil {
		t.Fatalf("build esbuild: %v", err)
	}
	args = append(args, "--log-level=warning")
	if out, err := exec.Command(strings.TrimSpace(string(program)), args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("esbuild %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// get asks the console for a path.
func get(mux *http.ServeMux, path string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	mux.ServeHTTP(w, r)
	return w
}

// assetsOf returns the address that the page loads its files below.
func assetsOf(t *testing.T, mux *http.ServeMux) string {
	t.Helper()
	found := regexp.MustCompile(`/assets/[0-9a-f]{16}/`).FindAllString(get(mux, "/").Body.String(), -1)
	if len(found) != 3 || len(slices.Compact(found)) != 1 {
		t.Fatalf("the page loads its files from %q", found)
	}
	return found[0]
}

func TestMountServesTheConsoleOnly(t *testing.T) {
	mux := http.NewServeMux()
	console.Mount(mux, provider.Ways{}, []string{"https://id.example"})
	assets := assetsOf(t, mux)
	for path, want := range map[string]string{
		"/": "text/html", "/signed-in": "text/html", assets + "main.js": "text/javascript", assets + "main.css": "text/css",
		assets + "icon.svg": "image/svg+xml", assets + "languages/zu.js": "text/javascript", assets + "languages/": "",
		assets: "", assets + "main.ts": "", assets + "../index.html": "", "/assets/": "", "/index.html": "", "/jobs": "",
	} {
		w := get(mux, path)
		if want == "" {
			if w.Code == http.StatusOK {
				t.Errorf("%s: %d", path, w.Code)
			}
			continue
		}
		h := w.Header()
		if w.Code != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), want) {
			t.Errorf("%s: %d %s", path, w.Code, h.Get("Content-Type"))
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") ||
			!strings.Contains(csp, "connect-src 'self' https://id.example;") {
			t.Errorf("%s: %v", path, h)
		}
		if again := get(mux, path, "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s, asked again: %d", path, again.Code)
		}
		zipped := get(mux, path, "Accept-Encoding", "gzip, deflate, br")
		unpacked, err := gzip.NewReader(zipped.Body)
		z := zipped.Header()
		if err != nil || z.Get("Content-Encoding") != "gzip" || z.Get("Vary") != "Accept-Encoding" ||
			z.Get("ETag") == h.Get("ETag") {
			t.Fatalf("%s compressed: %v, %v", path, z, err)
		}
		if plain, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(plain, w.Body.Bytes()) {
			t.Errorf("%s is another file compressed: %v", path, err)
		}
	}
}

// A page of another version gets the files that there are now, which belong together, and
// keeps them under no wrong name. A page that is loaded again is that of the new version.
func TestAPageOfAnotherVersionGetsWholeFiles(t *testing.T) {
	mux := http.NewServeMux()
	console.Mount(mux, provider.Ways{}, nil)
	assets := assetsOf(t, mux)
	if got := get(mux, "/").Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the page may be used for %q", got)
	}
	for _, name := range []string{"main.js", "main.css", "icon.svg", "languages/af.js"} {
		now, old := get(mux, assets+name), get(mux, "/assets/0123456789abcdef/"+name)
		if now.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" ||
			old.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v, under an old name %v", name, now.Header(), old.Header())
		}
		if old.Code != http.StatusOK || !bytes.Equal(old.Body.Bytes(), now.Body.Bytes()) {
			t.Errorf("%s under an old name: %d", name, old.Code)
		}
	}
	// All else is found from where the program is, not from the page.
	if bundle, err := os.ReadFile("dist/main.js"); err != nil || bytes.Contains(bundle, []byte(`"/assets/`)) {
		t.Errorf("the program names a file of one version: %v", err)
	}
}

// maxFirstView is how much the first view may be, compressed.
const maxFirstView = 100_000

func TestTheFirstViewIsSmall(t *testing.T) {
	mux := http.NewServeMux()
	console.Mount(mux, provider.Ways{}, nil)
	assets := assetsOf(t, mux)
	size := func(path string) int { return get(mux, path, "Accept-Encoding", "gzip").Body.Len() }
	language := 0
	for _, code := range codes[1:] {
		language = max(language, size(assets+"languages/"+code+".js"))
	}
	all := size("/") + size(assets+"main.js") + size(assets+"main.css") + size(assets+"icon.svg") + language
	if all > maxFirstView {
		t.Errorf("%d bytes, at most %d", all, maxFirstView)
	}
	t.Logf("%d bytes compressed, of which the largest language is %d", all, language)
}

// A column can be read as any field that a roll has, and as no other.
func TestTheConsoleNamesEachField(t *testing.T) {
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("src/languages/en.ts")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)\n  fields: \{\n(.*?)\n  \},`).FindSubmatch(text)
	if block == nil {
		t.Fatal("en.ts has no fields")
	}
	var named []string
	for _, m := range regexp.MustCompile(`(?m)^    (\w+): "[^"]+",$`).FindAllSubmatch(block[1], -1) {
		named = append(named, string(m[1]))
	}
	var want []string
	for _, c := range columns {
		want = append(want, c.Field)
	}
	if !slices.Equal(named, want) {
		t.Errorf("en.ts names the fields %v, a roll has %v", named, want)
	}
}

func TestTheWaysInAreServed(t *testing.T) {
	mux := http.NewServeMux()
	c := provider.Config{Issuer: "https://id.example", ClientID: "console"}.SignIn()
	console.Mount(mux, provider.Ways{Provider: &c}, nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/signin", nil))
	var got provider.Ways
	err := json.Unmarshal(w.Body.Bytes(), &got)
	if err != nil || got.Provider.ClientID != "console" || got.Password != nil {
		t.Errorf("%s: %v", w.Body, err)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("an old answer may be shown")
	}
}

// The policy forbids it anyway, but only in a browser.
func TestThePageHasNoInlineScriptOrStyle(t *testing.T) {
	page, err := os.ReadFile("index.html")
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`<style| style=|<script>|\son[a-z]+=|https?:|"//`).Find(page); found != nil {
		t.Errorf("index.html has %s", found)
	}
}
