package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
	"rollcall.example/services/api"
	"rollcall.example/services/openapitest"
)

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	doc := openapitest.Document(t)
	var described, served []string
	for path, item := range doc.Paths.Map() {
		if below, ok := strings.CutPrefix(path, api.Base); ok {
			for method := range item.Operations() {
				described = append(described, method+" "+below)
			}
		}
	}
	served = slices.Sorted(slices.Values(api.Routes()))
	slices.Sort(described)
	if !slices.Equal(described, served) {
		t.Errorf("described %q\nserved    %q", described, served)
	}
}

func TestOpenAPIDescribesEveryCode(t *testing.T) {
	doc := openapitest.Document(t)
	described := map[string]int{"method_not_allowed": http.StatusMethodNotAllowed} // no operation answers it
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				n, err := strconv.Atoi(status)
				if err != nil {
					t.Errorf("%s %s: status %q", method, path, status)
				}
				for _, code := range codesOf(r.Value) {
					if had, ok := described[code]; ok && had != n {
						t.Errorf("%s is described as %d and as %d", code, had, n)
					}
					described[code] = n
				}
			}
		}
	}
	// The rest of the table is for sockets.
	answered := map[string]int{}
	for _, code := range refusal.Codes() {
		switch code {
		case refusal.CodeTooManySubscriptions, refusal.CodeTooManyConnections, refusal.CodeOverloaded:
		default:
			answered[code] = refusal.Status(code)
		}
	}
	if !maps.Equal(described, answered) {
		t.Errorf("described %v\nanswered  %v", described, answered)
	}
	explained := map[string]bool{}
	for _, one := range doc.Components.Schemas["code"].Value.OneOf {
		explained[one.Value.Const.(string)] = one.Value.Description != ""
	}
	for code := range answered {
		if !explained[code] {
			t.Errorf("%s is not explained", code)
		}
	}
	if len(explained) != len(answered) {
		t.Errorf("explained %v", explained)
	}
}

// codesOf returns the codes with which a response refuses.
func codesOf(r *openapi3.Response) (codes []string) {
	media := r.Content.Get("application/json")
	if media == nil || media.Schema == nil || !strings.HasSuffix(media.Schema.Ref, "/refusal") {
		return nil
	}
	for _, beside := range media.Schema.Value.AllOf {
		for _, code := range beside.Value.Properties["error"].Value.Properties["code"].Value.Enum {
			codes = append(codes, code.(string))
		}
	}
	return codes
}

// The statistics repeat those of the events, so that one file describes everything.
func TestOpenAPIHasTheStatisticsOfTheEvents(t *testing.T) {
	doc := openapitest.Document(t)
	text, err := schema.Schemas.ReadFile("events/common.json")
	if err != nil {
		t.Fatal(err)
	}
	var common struct {
		Defs map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(text, &common); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"validation_stats", "iec_stats", "database_stats"} {
		told, err := json.Marshal(doc.Components.Schemas[name].Value)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(told, &got); err != nil {
			t.Fatal(err)
		}
		delete(got, "description")
		if len(got) == 0 || !reflect.DeepEqual(got, common.Defs[name]) {
			t.Errorf("%s\n got %v\nwant %v", name, got, common.Defs[name])
		}
	}
}
