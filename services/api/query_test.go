package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"rollcall.example/services/api"
	"rollcall.example/services/openapitest"
)

// A parameter that an operation does not have is refused by its name, whatever the
// operation is, and no answer pretends that it was heeded.
func TestUnknownParametersAreRefusedByName(t *testing.T) {
	r := newRig(t)
	for _, o := range operations(t) {
		path, _ := o.at(t, map[string]string{"caseId": "case-1", "jobId": "job-1", "webhookId": "wh-1",
			"n": "1", "uploadId": "x", "name": "x", "ward": "79800001"})
		who := "root super_admin"
		if strings.Contains(o.path, "/cases") || o.path == "/audit" {
			who = "olga information_officer"
		}
		for _, query := range []string{"pgae=2", "PAGE=2", "=2", "user_id=alice&user_id=bob"} {
			status, text := o.as(r, who, path, func(req *http.Request) { req.URL.RawQuery = query })
			name, _, _ := strings.Cut(query, "=")
			if status != http.StatusBadRequest || !strings.Contains(text, `"parameter":"`+name+`"`) ||
				!strings.Contains(text, `"bad_request"`) {
				t.Errorf("%s %s?%s: %d %s", o.method, o.path, query, status, text)
			}
		}
		for _, query := range []string{"a=%zz", "a;b=1"} {
			status, text := o.as(r, who, path, func(req *http.Request) { req.URL.RawQuery = query })
			if status != http.StatusBadRequest || !strings.Contains(text, "cannot be read") {
				t.Errorf("%s %s?%s: %d %s", o.method, o.path, query, status, text)
			}
		}
	}
	a := r.Get("alice member", "/history?page=1&page=2")
	if a.Status != http.StatusBadRequest || a.Error.Details["parameter"] != "page" {
		t.Errorf("two values: %d %s", a.Status, a.Raw)
	}
	a = r.Get("alice member", "/history?"+url.QueryEscape("80010150"+"09087")+"=1")
	if a.Status != http.StatusBadRequest || strings.Contains(string(a.Raw), "80010150"+"09087") {
		t.Errorf("an ID number as a name: %d %s", a.Status, a.Raw)
	}
	if a := r.Get("", "/history?x=1"); a.Status != http.StatusUnauthorized {
		t.Errorf("as nobody: %d", a.Status)
	}
}

// The table of routes and the description have the same parameters.
func TestOpenAPIDescribesEveryParameter(t *testing.T) {
	described := map[string][]string{}
	for path, item := range openapitest.Document(t).Paths.Map() {
		below, ok := strings.CutPrefix(path, api.Base)
		if !ok {
			continue
		}
		for method, op := range item.Operations() {
			var names []string
			for _, p := range op.Parameters {
				if p.Value.In == openapi3.ParameterInQuery {
					names = append(names, p.Value.Name)
				}
			}
			slices.Sort(names)
			described[method+" "+below] = names
		}
	}
	for route, names := range api.Parameters() {
		slices.Sort(names)
		if !slices.Equal(names, described[route]) {
			t.Errorf("%s takes %q, described are %q", route, names, described[route])
		}
	}
}
