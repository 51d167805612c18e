package main

import (
	"net/http"
	"strings"
	"testing"

	"rollcall.example/services/openapitest"
)

// Every answer of the program has strict security headers, and lets no page of another site
// read it.
func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	p := startUp(t, t.TempDir())
	asked := map[string][]string{"/": {"GET"}, "/assets/0/main.js": {"GET"}, "/assets/0/main.css": {"GET"},
		"/assets/0/icon.svg": {"GET"}, "/ws": {"GET", "POST"},
		"/socket.io/?EIO=4&transport=polling": {"GET",
			"POST"}, "/socket.io/?EIO=4&transport=websocket": {"GET"}, "/nothing": {"GET"},
		"/api/v1/bulk-upload/nothing": {"GET"}, "/.git/config": {"GET"}, "/debug/pprof/": {"GET"},
		"/metrics": {"GET"}, "/%2e%2e/": {"GET"}}
	for path, item := range openapitest.Document(t).Paths.Map() {
		for method := range item.Operations() {
			asked[path] = append(asked[path], method)
		}
	}
	alice := token(t, "alice", "member")
	for path, methods := range asked {
		for _, method := range append(methods, http.MethodOptions) {
			for _, token := range []string{"", alice, alice + "x"} {
				req, err := http.NewRequestWithContext(t.Context(), method, p.url()+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Origin", "https://evil.example")
				req.Header.Set("Access-Control-Request-Method", "POST")
				if token != "" {
					req.Header.Set("Authorization", "Bearer "+token)
				}
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				h := resp.Header
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				csp := h.Get("Content-Security-Policy")
				if !strings.HasPrefix(csp, "default-src 'none';") || !strings.Contains(csp, "frame-ancestors 'none'") ||
					!strings.Contains(csp, "object-src 'none'") || !strings.Contains(csp, "base-uri 'none'") ||
					h.Get("Cross-Origin-Opener-Policy") != "same-origin" ||
					strings.Contains(csp, "unsafe") ||
					h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
					h.Get("X-Frame-Options") != "DENY" ||
					h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Strict-Transport-Security") != "" { // without TLS
					t.Errorf("%s %s, %d: %v", method, path, resp.StatusCode, h)
				}
				static := path == "/" || strings.HasPrefix(path, "/assets/")
				if cache := h.Get("Cache-Control"); cache != "no-store" && !static {
					t.Errorf("%s %s, %d: Cache-Control %q", method, path, resp.StatusCode, cache)
				}
				for name := range h {
					if strings.HasPrefix(name, "Access-Control-") || name == "Server" || name == "X-Powered-By" ||
						name == "Set-Cookie" {
						t.Errorf("%s %s, %d: %s", method, path, resp.StatusCode, name)
					}
				}
			}
		}
	}
}
