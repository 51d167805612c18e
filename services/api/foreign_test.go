package api_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
	"rollcall.example/services/openapitest"
)

// operation is an operation of openapi.yaml.
type operation struct{ method, path string }

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// isOpen reports whether an operation is for everybody, also without a token.
func isOpen(method, path string) bool {
	return method == http.MethodOptions || strings.HasPrefix(path, "/notifications/unsubscribe")
}

// operations returns those of the API, so that a new one is attacked like all others.
func operations(t *testing.T) (list []operation) {
	t.Helper()
	for path, item := range openapitest.Document(t).Paths.Map() {
		if below, ok := strings.CutPrefix(path, api.Base); ok {
			for method := range item.Operations() {
				list = append(list, operation{method, below})
			}
		}
	}
	if len(list) < 9 {
		t.Fatalf("only %d operations", len(list))
	}
	return list
}

// at returns the path of the operation with ids in place of its parameters. It
// fails the test for a parameter that the test has no id for.
func (o operation) at(t *testing.T, ids map[string]string) (path string, named bool) {
	t.Helper()
	path = pathParameter.ReplaceAllStringFunc(o.path, func(p string) string {
		named = true
		id, ok := ids[strings.Trim(p, "{}")]
		if !ok {
			t.Errorf("%s %s: no id of alice's for %s", o.method, o.path, p)
		}
		return id
	})
	return path, named
}

// disguises are ways to claim to be somebody else, beside the token.
var disguises = map[string]func(*http.Request){
	"plain": func(*http.Request) {},
	"parameters": func(r *http.Request) {
		r.URL.RawQuery = url.Values{
			"user": {"alice"}, "user_id": {"alice"}, "owner": {"alice"}, "owner_id": {"alice"},
			"admin": {"true"}, "role": {"national_admin"},
		}.Encode()
	},
	"rejects": func(r *http.Request) { r.URL.RawQuery = "part=rejects" },
	"headers": func(r *http.Request) {
		for _, name := range []string{"X-User", "X-User-Id", "X-Forwarded-User", "X-Remote-User", "From"} {
			r.Header.Set(name, "alice")
		}
		r.Header.Set("X-Role", "national_admin")
		r.Header.Set("X-Original-URL", api.Base+"/stats")
	},
	"cookie": func(r *http.Request) { r.Header.Set("Cookie", "token=alice member; user=alice") },
}

// as makes a request and returns the status and the body without its timestamp.
func (o operation) as(r *rig, who, path string, disguise func(*http.Request)) (int, string) {
	r.T.Helper()
	req := httptest.NewRequestWithContext(r.T.Context(), o.method, api.Base+path, strings.NewReader(""))
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who)
	}
	disguise(req)
	w := httptest.NewRecorder()
	r.Handler.ServeHTTP(w, req)
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			r.T.Errorf("%s %s: header %s", o.method, o.path, name)
		}
	}
	if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" ||
		h.Get("Referrer-Policy") != "no-referrer" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		r.T.Errorf("%s %s: headers %v", o.method, o.path, h)
	}
	return w.Code, string(stamp.ReplaceAll(w.Body.Bytes(), nil))
}

func TestUsersCannotReachWhatIsAnothers(t *testing.T) {
	r := newRig(t)
	job := r.Upload("alice member")
	r.Append(job, eventstest.Facts(job)...)
	hook := r.webhook("alice member", `{"url":"https://alice.example/hook"}`)
	kept := r.saveMapping("alice member", "alices", `{"Column of alice.example":"surname"}`)
	if kept.Status != http.StatusOK {
		t.Fatalf("%d %s", kept.Status, kept.Raw)
	}
	alices := map[string]string{
		"jobId":     job,
		"webhookId": hook.Data["id"].(string),
		"n":         "987654321",
		"caseId":    r.openCase("olga information_officer", "export"),
		"uploadId":  r.BeginTus("alice member", "9"),
		"name":      "alices",
		"ward":      "79800001",
	}
	nobodys := map[string]string{
		"jobId":     events.NewJobID(),
		"webhookId": "wh-019a0b3c-5f1e-7c3a-9d55-0242ac120002",
		"n":         "987654321",
		"caseId":    cases.NewID(),
		"uploadId":  "6b8e7c1e-2f0a-4d53-9a56-5f1f7a3e9b10",
		"name":      "nobodys",
		"ward":      "79800001",
	}
	whole := func() []any {
		list, err := r.Log.Replay(t.Context(), job, 0)
		if err != nil {
			t.Fatal(err)
		}
		return []any{
			len(list),
			string(stamp.ReplaceAll(r.Get("alice member", "/webhooks").Raw, nil)),
			string(stamp.ReplaceAll(r.Get("alice member", "/history").Raw, nil)),
			string(stamp.ReplaceAll(r.Get("alice member", "/mappings").Raw, nil)),
		}
	}
	before := whole()
	for _, o := range operations(t) {
		foreign, named := o.at(t, alices)
		unknown, _ := o.at(t, nobodys)
		for name, disguise := range disguises {
			for _, who := range []string{
				"bob member", "bob province_admin", "bob municipality_admin", "alicE member", "alice\u200b member",
			} {
				status, text := o.as(r, who, foreign, disguise)
				want := http.StatusNotFound
				switch {
				case strings.Contains(o.path, "{caseId}"):
					want = http.StatusForbidden // whether there is such a case or not
				case name == "parameters", name == "rejects" && o.path != "/report/{jobId}":
					want = http.StatusBadRequest // no such parameter
				case strings.Contains(o.path, "{ward}"):
					want = http.StatusConflict // whether anybody is in it or not
				case o.method == http.MethodPut: // a mapping of their own, whatever it is called; theirs is empty
					want = http.StatusUnprocessableEntity
				}
				if _, none := o.as(r, who, unknown, disguise); named && (status != want || text != none) {
					t.Errorf("%s %s as %q (%s): %d %s\nand of none: %s", o.method, o.path, who, name, status, text, none)
				}
				secrets := append(slices.Collect(maps.Values(alices)), "alice.example", "Roll", `"alice"`)
				for _, secret := range secrets {
					if strings.Contains(text, secret) {
						t.Errorf("%s %s as %q (%s) tells %s: %s", o.method, o.path, who, name, secret, text)
					}
				}
			}
			if status, text := o.as(r, "", foreign, disguise); status != http.StatusUnauthorized &&
				!isOpen(o.method, o.path) {
				t.Errorf("%s %s as nobody (%s): %d %s", o.method, o.path, name, status, text)
			}
		}
	}
	if after := whole(); !slices.Equal(before, after) {
		t.Errorf("alice had %v\nand has %v", before, after)
	}
}

// Ids that mean something to the mux or to NATS name no job.
func TestMalformedIDsAreNotFound(t *testing.T) {
	r := newRig(t)
	r.Upload("alice member")
	for _, o := range operations(t) {
		for _, id := range []string{
			"job-1", "*", ">", "%3E", "bulk.x.uploaded", "%2e%2e", "..%2f..", "a%00b", "%ff", "'%20OR%201=1--",
			strings.Repeat("a", 4000),
		} {
			who := "root super_admin"
			if strings.Contains(o.path, "{caseId}") {
				who = "olga information_officer"
			}
			path, named := o.at(t, map[string]string{"caseId": id, "jobId": id, "webhookId": id,
				"n": "987654321", "uploadId": id, "name": id, "ward": id})
			if !named {
				continue
			}
			status, text := o.as(r, who, path, disguises["plain"])
			// The name of a mapping and the code of a ward are the user's own text, which may be bad.
			own := strings.Contains(o.path, "{name}") || strings.Contains(o.path, "{ward}")
			refused := status == http.StatusNotFound || own && status >= 400 && status < 500
			if !refused {
				t.Errorf("%s %s: %d %s", o.method, path, status, text)
			}
		}
	}
	if logs := r.Logs.Bytes(); bytes.Contains(logs, []byte("level=ERROR")) {
		t.Errorf("logged: %s", logs)
	}
}

// No answer allows other origins, so browsers keep answers, and requests with a
// token, from pages of other sites.
func TestOtherOriginsAreNotAllowed(t *testing.T) {
	r := newRig(t)
	for _, o := range operations(t) {
		path, _ := o.at(t, map[string]string{"caseId": "case-1", "jobId": "job-1", "webhookId": "wh-1",
			"n": "987654321", "uploadId": "x", "name": "x", "ward": "79800001"})
		for _, method := range []string{http.MethodOptions, o.method} {
			asked := operation{method, path}
			status, text := asked.as(r, "", path, func(req *http.Request) { // as also checks the headers
				req.Header.Set("Origin", "https://evil.example")
				req.Header.Set("Access-Control-Request-Method", o.method)
				req.Header.Set("Access-Control-Request-Headers", "authorization")
			})
			if status < 400 {
				t.Errorf("%s %s: %d %s", method, path, status, text)
			}
		}
	}
}
