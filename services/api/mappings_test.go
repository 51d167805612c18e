package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"rollcall.example/events/mappings"
	"rollcall.example/services/api/apitest"
)

func (r *rig) saveMapping(who, name, mapping string) apitest.Reply {
	r.T.Helper()
	return r.Do(who, http.MethodPut, "/mappings/"+url.PathEscape(name), strings.NewReader(mapping), "application/json")
}

func (r *rig) removeMapping(who, name string) apitest.Reply {
	r.T.Helper()
	return r.Do(who, http.MethodDelete, "/mappings/"+url.PathEscape(name), nil, "")
}

func TestAMappingIsKeptForItsOwner(t *testing.T) {
	r := newRig(t)
	const name = "Tak Môreson 7"
	if a := r.saveMapping("alice member", name, `{"Qwx": "id_number", "Note": null}`); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	a := r.Get("alice member", "/mappings/"+url.PathEscape(name))
	if got, ok := a.Data["mapping"].(map[string]any); !ok || len(got) != 2 || got["Qwx"] != "id_number" ||
		got["Note"] != nil || a.Data["name"] != name {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.saveMapping("alice member", name, `{"Qwx": "surname"}`); a.Status != http.StatusOK {
		t.Errorf("again: %d %s", a.Status, a.Raw)
	}
	if a := r.Get("alice member", "/mappings"); len(a.Data["mappings"].([]any)) != 1 ||
		!strings.Contains(string(a.Raw), `{"Qwx":"surname"}`) {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	// Nobody else sees it, or changes it.
	if a := r.Get("bob member", "/mappings"); len(a.Data["mappings"].([]any)) != 0 {
		t.Errorf("bob: %s", a.Raw)
	}
	for what, a := range map[string]apitest.Reply{
		"bob's":   r.Get("bob member", "/mappings/"+url.PathEscape(name)),
		"bob's, ": r.removeMapping("bob member", name),
		"nobody":  r.removeMapping("alice member", "other"),
	} {
		if a.Status != http.StatusNotFound || a.Error.Code != "not_found" {
			t.Errorf("%s: %d %s", what, a.Status, a.Raw)
		}
	}
	if a := r.removeMapping("alice member", name); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.Get("alice member", "/mappings/"+url.PathEscape(name)); a.Status != http.StatusNotFound {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestMappingsThatAreKeptAreLimited(t *testing.T) {
	r := newRig(t)
	for mapping, reason := range map[string]string{
		`{"Qwx": "shoe_size"}`:            "unknown_field",
		`{}`:                              "malformed",
		``:                                "malformed",
		`[1]`:                             "malformed",
		`{"Of 8001015009087": "surname"}`: "id_number",
		`{"800101 5009 087": null}`:       "id_number",
		`{"x":"` + strings.Repeat("y", 20<<10) + `"}`: "too_large",
		`{"x":"` + strings.Repeat("y", 99<<10) + `"}`: "too_large",
	} {
		a := r.saveMapping("alice member", "a", mapping)
		if a.Status != 422 || a.Error.Code != "bad_mapping" || a.Error.Details["reason"] != reason ||
			strings.Contains(string(a.Raw), "8001015009087") {
			t.Errorf("%.40s: %d %s", mapping, a.Status, a.Raw)
		}
	}
	for _, name := range []string{" a", "a\x01", "8001015009087", strings.Repeat("x", 61)} {
		if a := r.saveMapping("alice member", name, `{"Qwx": null}`); a.Status != 400 || a.Error.Code != "bad_request" {
			t.Errorf("%q: %d %s", name, a.Status, a.Raw)
		}
	}
	for i := range mappings.MaxSaved {
		if a := r.saveMapping("alice member", fmt.Sprint("m", i), `{"Qwx": null}`); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	}
	if a := r.saveMapping("alice member", "m3", `{"Zzy": null}`); a.Status != http.StatusOK {
		t.Errorf("one of them, anew: %d %s", a.Status, a.Raw)
	}
	a := r.saveMapping("alice member", "more", `{"Qwx": null}`)
	if a.Status != http.StatusConflict || a.Error.Code != "too_many_mappings" || a.Error.Details["max"] != 20.0 {
		t.Errorf("one more: %d %s", a.Status, a.Raw)
	}
	if a := r.saveMapping("bob member", "more", `{"Qwx": null}`); a.Status != http.StatusOK {
		t.Errorf("bob: %d %s", a.Status, a.Raw)
	}
}

// The mapping that fits a file is offered to its owner, also where the file is refused.
func TestAMappingThatFitsIsOffered(t *testing.T) {
	r := newRig(t)
	for name, mapping := range map[string]string{
		"short":  `{"Zzy": "surname"}`,
		"long":   `{"zzy": "surname", "Qwx": null}`,
		"other":  `{"Zzy": "surname", "Qwx": null, "Nought": null}`,
		"letter": `{"A": "firstname"}`,
		"lost":   `{"Idx": "id_number"}`,
	} {
		if a := r.saveMapping("alice member", name, mapping); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	}
	roll := apitest.Workbook(t, []string{"ID Number", "Zzy", "Qwx"}, []string{"8001015009087", "A", "x"})
	a := r.SendForm("alice member", "file", roll)
	if offered, ok := a.Data["mapping_offered"].(map[string]any); a.Status != 202 || !ok || offered["name"] != "long" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	for what, a := range map[string]apitest.Reply{
		"bob":            r.SendForm("bob member", "file", roll),
		"with a mapping": r.SendForm("alice member", "file", roll, "mapping", `{"Zzy": "surname"}`),
		"another file":   r.SendForm("alice member", "file", apitest.Roll(t)),
	} {
		if a.Status != 202 || a.Data["mapping_offered"] != nil {
			t.Errorf("%s: %d %s", what, a.Status, a.Raw)
		}
	}
	body, contentType := apitest.Form(t, "file", roll)
	a = r.Do("alice member", http.MethodPost, "/inspect", body, contentType)
	if offered, ok := a.Data["mapping_offered"].(map[string]any); a.Status != 200 || !ok || offered["name"] != "long" {
		t.Errorf("inspected: %d %s", a.Status, a.Raw)
	}
	// The first ID number is wrong, so that no column tells by what it holds.
	lost := apitest.Workbook(t, []string{"Idx", "Surname"}, []string{"8001015009080", "A"})
	a = r.SendForm("alice member", "file", lost)
	offered, ok := a.Error.Details["mapping_offered"].(map[string]any)
	if a.Status != 422 || a.Error.Code != "no_id_column" || !ok || offered["name"] != "lost" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.SendForm("alice member", "file", lost, "mapping", `{"Idx": "id_number"}`); a.Status != 202 {
		t.Errorf("with it: %d %s", a.Status, a.Raw)
	}
}
