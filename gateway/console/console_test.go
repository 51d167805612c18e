package console_test

import (
	"bytes"
	"encoding/json"
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

func TestMountServesTheConsoleOnly(t *testing.T) {
	mux := http.NewServeMux()
	console.Mount(mux, provider.Ways{}, []string{"https://id.example"})
	for path, want := range map[string]string{
		"/": "text/html", "/signed-in": "text/html", "/assets/main.js": "text/javascript", "/assets/main.css": "text/css",
		"/assets/icon.svg": "image/svg+xml", "/assets/languages/zu.js": "text/javascript", "/assets/languages/": "",
		"/assets/": "", "/assets/main.ts": "", "/index.html": "", "/jobs": "",
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if want == "" {
			if w.Code != http.StatusNotFound {
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
		again := httptest.NewRequest("GET", path, nil)
		again.Header.Set("If-None-Match", h.Get("ETag"))
		w = httptest.NewRecorder()
		if mux.ServeHTTP(w, again); w.Code != http.StatusNotModified {
			t.Errorf("%s, asked again: %d", path, w.Code)
		}
	}
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
