package api_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
)

const (
	front = "https://app.example.org"
	allow = "Access-Control-Allow-Origin"
)

// ask makes a request of a page.
func ask(r *rig, method, path, origin string, headers ...string) *http.Response {
	r.T.Helper()
	req := httptest.NewRequestWithContext(r.T.Context(), method, api.Base+path, nil)
	req.Header.Set("Origin", origin)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.Handler.ServeHTTP(w, req)
	return w.Result()
}

// A page of a permitted origin may ask before each operation, without a token.
func TestPagesOfPermittedOriginsMayCall(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) {
		c.API.Origins = []string{"app.example.org", "*.example.net", "http://localhost:*"}
	})
	for _, o := range operations(t) {
		path, _ := o.at(t, map[string]string{"caseId": "case-1", "jobId": "job-1", "webhookId": "wh-1",
			"n": "987654321", "uploadId": "x", "name": "x", "ward": "79800001"})
		a := ask(r, http.MethodOptions, path, front, "Access-Control-Request-Method", o.method,
			"Access-Control-Request-Headers", "authorization,tus-resumable,upload-concat")
		methods := strings.Split(a.Header.Get("Access-Control-Allow-Methods"), ", ")
		sent := strings.ToLower(a.Header.Get("Access-Control-Allow-Headers"))
		if a.StatusCode != http.StatusNoContent || a.Header.Get(allow) != front ||
			a.Header.Get("Access-Control-Max-Age") == "" ||
			o.method != http.MethodOptions && !slices.Contains(methods, o.method) ||
			!strings.Contains(sent, "authorization") || !strings.Contains(sent, "upload-concat") ||
			!slices.Contains(a.Header.Values("Vary"), "Origin") {
			t.Errorf("%s %s: %d %v", o.method, path, a.StatusCode, a.Header)
		}
		a = ask(r, o.method, path, front)
		if a.Header.Get(allow) != front || !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "Upload-Job") {
			t.Errorf("%s %s: %v", o.method, path, a.Header)
		}
		if !isOpen(o.method, o.path) && a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s without a token: %d", o.method, path, a.StatusCode)
		}
		for name := range a.Header {
			if strings.Contains(name, "Credentials") {
				t.Errorf("%s %s: %s", o.method, path, name)
			}
		}
	}
	for origin, want := range map[string]bool{
		"HTTPS://App.Example.org": true, "https://a.example.net": true,
		"http://localhost:5173": true, "https://localhost:5173": false,
		"https://app.example.org.evil.test": false, "https://evil.test/app.example.org": false, "null": false, "": false,
		"https://example.net": false, "https://app.example.org:8443": false, "https://user@app.example.org": false,
		"file://app.example.org": false, "https://app.example.org/": false, "app.example.org": false,
	} {
		a := ask(r, http.MethodGet, "/history", origin, "Authorization", "Bearer alice member")
		if got := a.Header.Get(allow); a.StatusCode != http.StatusOK || (got == origin && got != "") != want ||
			!slices.Contains(a.Header.Values("Vary"), "Origin") {
			t.Errorf("%q: %d %v", origin, a.StatusCode, a.Header)
		}
		a = ask(r, http.MethodOptions, "/history", origin, "Access-Control-Request-Method", "GET")
		if (a.StatusCode == http.StatusNoContent) != want || a.Header.Get(allow) != "" && !want ||
			a.Header.Get("Access-Control-Allow-Methods") != "" && !want {
			t.Errorf("%q asks: %d %v", origin, a.StatusCode, a.Header)
		}
	}
	if a := ask(r, http.MethodOptions, "/nothing", front, "Access-Control-Request-Method", "GET"); a.StatusCode != 404 {
		t.Errorf("no such address: %d", a.StatusCode)
	}
	a := ask(r, http.MethodOptions, "/tus", "") // as a client of tus asks, without a token
	if a.StatusCode != http.StatusOK || a.Header.Get("Tus-Version") != "1.0.0" {
		t.Errorf("tus: %d %v", a.StatusCode, a.Header)
	}
}
