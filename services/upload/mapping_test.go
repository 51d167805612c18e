package upload_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/upload"
)

// strangeRoll has headers that nobody knows.
func strangeRoll(t *testing.T) string {
	t.Helper()
	return apitest.Workbook(t, []string{"Qwx", "Zzy", "Cell Number", "Extra"},
		[]string{"8001015009087", "A", "0821234567", "x"})
}

func (r *rig) mappingOf(jobID string) *events.Mapping {
	r.T.Helper()
	job, err := r.Log.Load(r.T.Context(), jobID)
	if err != nil {
		r.T.Fatal(err)
	}
	return job.Uploaded.Mapping
}

func TestTheFactHasTheMapping(t *testing.T) {
	r := newRig(t)
	const said = `{"Qwx": "id_number", "zzy": "surname", "D": null}`
	want := []events.MappedColumn{
		{Letter: "A", Name: "Qwx", Field: "id_number"}, {Letter: "B", Name: "Zzy", Field: "surname"},
		{Letter: "D", Name: "Extra"},
	}
	form := func(parts ...string) string {
		t.Helper()
		a := r.SendForm("alice member", parts...)
		if a.Status != http.StatusAccepted {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
		if told, ok := a.Data["mapping"].([]any); !ok || len(told) != 3 {
			t.Errorf("the answer tells %v", a.Data["mapping"])
		}
		return a.Data["job_id"].(string)
	}
	file := strangeRoll(t)
	jobs := map[string]string{
		"before the file": form("mapping", said, "file", file),
		"behind the file": form("file", file, "mapping", said),
		"said twice":      form("mapping", said, "file", file, "mapping", said),
	}
	id := r.BeginTus("alice member", strconv.Itoa(len(file)), "filename", "a.xlsx", "mapping", said)
	jobs["in parts"] = r.part("alice member", id, 0, file).Header.Get(upload.HeaderJob)
	body, contentType := apitest.Form(t, "file", file)
	a := r.Do("alice member", http.MethodPost, "/process?mapping="+url.QueryEscape(said), body, contentType)
	if a.Status != http.StatusAccepted {
		t.Fatalf("in the address: %d %s", a.Status, a.Raw)
	}
	jobs["in the address"] = a.Data["job_id"].(string)
	for name, job := range jobs {
		if m := r.mappingOf(job); m == nil || m.Sheet != 1 || m.Row != 1 || m.TwoRows || !slices.Equal(m.Columns, want) {
			t.Errorf("%s: %+v", name, m)
		}
		if a := r.Get("alice member", "/status/"+job); a.Status != 200 || a.Data["mapping"] == nil {
			t.Errorf("%s: status %s", name, a.Raw)
		}
	}
	for _, none := range []string{"", " ", "{}"} {
		if m := r.mappingOf(r.Upload("alice member", "mapping", none)); m != nil {
			t.Errorf("%q: %+v", none, m)
		}
	}
}

func TestABadMappingIsRefusedWithTheNames(t *testing.T) {
	r := newRig(t)
	large := `{"x": "` + strings.Repeat("y", 16<<10) + `"}`
	many := &strings.Builder{}
	for i := range 501 {
		fmt.Fprintf(many, `,"h%d":null`, i)
	}
	for mapping, want := range map[string]struct {
		reason string
		names  []any
	}{
		`{"Qwx": "shoe_size", "Zzy": "hat"}`:          {"unknown_field", []any{"shoe_size", "hat"}},
		`{"Qwx": "id_number", "Nought": "surname"}`:   {"no_such_header", []any{"Nought"}},
		`{"Qwx": "id_number", "ZZ": null}`:            {"no_such_header", []any{"ZZ"}},
		`{"Qwx": "id_number", "Zzy": "id_number"}`:    {"field_twice", []any{"Qwx", "Zzy"}},
		`{"Qwx": "id_number", "Qwx": "surname"}`:      {"header_twice", []any{"Qwx"}},
		`{"Qwx": "id_number", "A": "surname"}`:        {"header_twice", []any{"Qwx", "A"}},
		`{"Qwx": "id_number", "9001010001088": null}`: {"no_such_header", []any{"900101*****88"}},
		`{"Qwx": "id_number"`:                         {"malformed", []any{}},
		`{"Qwx": 7}`:                                  {"malformed", []any{}},
		`{"Qwx": ""}`:                                 {"malformed", []any{}},
		`{"Qwx": ["id_number"]}`:                      {"malformed", []any{}},
		`{"": "id_number"}`:                           {"malformed", []any{}},
		`["Qwx"]`:                                     {"malformed", []any{}},
		`null`:                                        {"malformed", []any{}},
		`{} {}`:                                       {"malformed", []any{}},
		"{\"\xff\": null}":                            {"malformed", []any{}},
		large:                                         {"too_large", []any{}},
		"{" + many.String()[1:] + "}":                 {"too_large", []any{}},
	} {
		check := func(how string, a apitest.Reply) {
			t.Helper()
			names, _ := a.Error.Details["names"].([]any)
			if a.Status != 422 || a.Error.Code != "bad_mapping" || a.Error.Details["reason"] != want.reason ||
				!slices.Equal(names, want.names) {
				t.Errorf("%s, %.80s: %d %s", how, mapping, a.Status, a.Raw)
			}
			if strings.Contains(string(a.Raw), "9001010001088") {
				t.Errorf("%s: an ID number in %s", how, a.Raw)
			}
		}
		file := strangeRoll(t)
		check("form", r.SendForm("alice member", "mapping", mapping, "file", file))
		if len(mapping) > 8<<10 {
			continue // no header is so long
		}
		a := r.Tus("alice member", http.MethodPost, "/tus", nil, "Upload-Length", strconv.Itoa(len(file)),
			"Upload-Metadata", apitest.Metadata("mapping", mapping))
		if want.reason == "no_such_header" || strings.Contains(mapping, `"A"`) { // only the file tells
			if a.Status != http.StatusCreated {
				t.Fatalf("%s: %d %s", mapping, a.Status, a.Raw)
			}
			id := a.Header.Get("Location")
			a = r.part("alice member", id[strings.LastIndexByte(id, '/')+1:], 0, file)
		}
		check("tus", a)
	}
	a := r.SendForm("alice member", "mapping", `{"A": null}`, "mapping", `{"B": null}`, "file", strangeRoll(t))
	if a.Status != 400 {
		t.Errorf("said twice, and not the same: %d %s", a.Status, a.Raw)
	}
	if n := r.files(); n != 0 {
		t.Errorf("%d files of refused uploads are stored", n)
	}
}

// The same key means the same job where the mapping means the same columns.
func TestAKeyIsForOneMapping(t *testing.T) {
	r := newRig(t)
	file := strangeRoll(t)
	send := func(key string, mapping ...string) apitest.Reply {
		return r.sendKeyed("alice member", []string{key}, append(mapping, "file", file)...)
	}
	first := send("k", "mapping", `{"Qwx": "id_number"}`)
	if first.Status != 202 {
		t.Fatalf("%d %s", first.Status, first.Raw)
	}
	for _, same := range []string{`{"Qwx": "id_number"}`, `{"qwx": "id_number"}`, `{"A": "id_number"}`} {
		if a := send("k", "mapping", same); a.Status != 202 || a.Data["job_id"] != first.Data["job_id"] {
			t.Errorf("%s: %d %s", same, a.Status, a.Raw)
		}
	}
	for _, other := range [][]string{nil, {"mapping", `{"Qwx": "id_number", "B": null}`}} {
		if a := send("k", other...); a.Status != 422 || a.Error.Code != "key_reused" {
			t.Errorf("%s: %d %s", other, a.Status, a.Raw)
		}
	}
}

// Who sends a file in parts is offered the mapping that fits it, as who sends it at once,
// and is told again when the answer was lost.
func TestTheLastPartNamesTheMappingThatFits(t *testing.T) {
	r := newRig(t)
	kept := mappings.NewStore(r.Log.JetStream(), nil)
	save := func(user, name string, m mappings.Mapping) {
		t.Helper()
		if _, err := kept.Save(t.Context(), user, name, m); err != nil {
			t.Fatal(err)
		}
	}
	const name = "Šahr 50% ward"
	save("alice", name, mappings.Mapping{{Header: "Zzy", Field: "surname"}, {Header: "Qwx"}})
	save("alice", "less", mappings.Mapping{{Header: "Zzy", Field: "surname"}})
	save("alice", "lost", mappings.Mapping{{Header: "Idx", Field: "id_number"}})
	roll := apitest.Workbook(t, []string{"ID Number", "Zzy", "Qwx"}, []string{"8001015009087", "A", "x"})
	lost := apitest.Workbook(t, []string{"Idx", "Surname"}, []string{"8001015009080", "A"})
	send := func(who, file string, metadata ...string) (string, apitest.Reply) {
		t.Helper()
		id := r.BeginTus(who, strconv.Itoa(len(file)), append(metadata, "filename", "a.xlsx")...)
		if a := r.part(who, id, 0, file[:9]); a.Status != http.StatusNoContent || a.Header.Get(upload.HeaderOffered) != "" {
			t.Errorf("first part: %d %v", a.Status, a.Header)
		}
		return id, r.part(who, id, 9, file[9:])
	}
	id, a := send("alice member", roll)
	if a.Status != http.StatusNoContent || a.Header.Get(upload.HeaderOffered) != url.PathEscape(name) {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	_, again := r.offset("alice member", id)
	if again.Header.Get(upload.HeaderOffered) != url.PathEscape(name) {
		t.Errorf("asked again: %v", again.Header)
	}
	if shown := r.Get("alice member", "/mappings/"+a.Header.Get(upload.HeaderOffered)); shown.Data["name"] != name {
		t.Errorf("the mapping: %d %s", shown.Status, shown.Raw)
	}
	for what, none := range map[string]func() (string, apitest.Reply){
		"another user":   func() (string, apitest.Reply) { return send("bob member", roll) },
		"with a mapping": func() (string, apitest.Reply) { return send("alice member", roll, "mapping", `{"Qwx": null}`) },
		"another file":   func() (string, apitest.Reply) { return send("alice member", apitest.Roll(t)) },
	} {
		if _, a := none(); a.Header.Get(upload.HeaderJob) == "" || a.Header.Get(upload.HeaderOffered) != "" {
			t.Errorf("%s: %d %s %v", what, a.Status, a.Raw, a.Header)
		}
	}
	_, a = send("alice member", lost)
	offered, ok := a.Error.Details["mapping_offered"].(map[string]any)
	if a.Status != 422 || a.Error.Code != "no_id_column" || !ok || offered["name"] != "lost" {
		t.Errorf("refused: %d %s", a.Status, a.Raw)
	}
}

// A file without a header row is taken with the letters of its columns, and the fact
// says that there is none.
func TestAFileWithoutAHeaderIsTakenByLetters(t *testing.T) {
	r := newRig(t)
	const file = "8001015009087,Nkosi\n9001010001088,Nel\n"
	if a := r.SendForm("alice member", "file", file); a.Status != 422 || a.Error.Code != "no_id_column" ||
		!strings.Contains(string(a.Raw), "by its letter") {
		t.Errorf("without a mapping: %d %s", a.Status, a.Raw)
	}
	a := r.SendForm("alice member", "mapping", `{"A": "id_number", "B": "surname"}`, "file", file)
	if a.Status != http.StatusAccepted {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	want := []events.MappedColumn{{Letter: "A", Field: "id_number"}, {Letter: "B", Field: "surname"}}
	if m := r.mappingOf(a.Data["job_id"].(string)); !m.NoHeader() || !slices.Equal(m.Columns, want) {
		t.Errorf("%+v", m)
	}
}
