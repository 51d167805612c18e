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
	source, err := os.ReadFile("console.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^//go:generate -command bundle go tool esbuild (.*)\n` +
		`//go:generate bundle (.*) --outdir=dist$`).FindSubmatch(source)
	if lines == nil {
		t.Fatal("console.go has no go:generate lines for esbuild")
	}
	dir := t.TempDir()
	// Built first, for the go command may say on standard error what it downloads. What
	// esbuild says is a warning.
	esbuild := filepath.Join(dir, "esbuild")
	if out, err := exec.Command("go", "build", "-o", esbuild,
		"github.com/evanw/esbuild/cmd/esbuild").CombinedOutput(); err != nil {
		t.Fatalf("build esbuild: %v\n%s", err, out)
	}
	args := append(strings.Fields(string(lines[1])+" "+string(lines[2])), "--outdir="+dir, "--log-level=warning")
	if out, err := exec.Command(esbuild, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("esbuild %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, name := range []string{"main.js", "main.css"} {
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

func TestMountServesTheConsoleOnly(t *testing.T) {
	mux := http.NewServeMux()
	console.Mount(mux, provider.Ways{}, []string{"https://id.example"})
	for path, want := range map[string]string{
		"/": "text/html", "/signed-in": "text/html", "/assets/main.js": "text/javascript", "/assets/main.css": "text/css",
		"/assets/icon.svg": "image/svg+xml",
		"/assets/":         "", "/assets/main.ts": "", "/index.html": "", "/jobs": "",
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
	text, err := os.ReadFile("src/strings.ts")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)\n  fields: \{\n(.*?)\n  \},`).FindSubmatch(text)
	if block == nil {
		t.Fatal("strings.ts has no fields")
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
		t.Errorf("strings.ts names the fields %v, a roll has %v", named, want)
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
