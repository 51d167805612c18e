package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A mapping that is saved is listed, used by an upload, and removed.
func TestMappingsCommand(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.Method+" "+r.URL.EscapedPath()+" "+string(body))
		one := `{"name":"a b","mapping":{"Qwx":"id_number","Note":null},"saved_at":"2026-01-01T00:00:00Z"}`
		switch {
		case strings.HasSuffix(r.URL.Path, "/mappings"):
			one = `{"mappings":[` + one + `]}`
		case r.Method == http.MethodPost:
			one = `{"job_id":"job-1"}`
		}
		_, _ = io.WriteString(w, `{"success":true,"message":"m","data":`+one+`}`) // the test sees what came
	}))
	defer server.Close()
	var out bytes.Buffer
	p, settings := &process{out: &out}, serverSettings{Server: server.URL, Token: "t"}
	roll := writeRoll(t)
	for _, c := range []interface {
		Run(ctx context.Context, p *process) error
	}{
		&mappingSaveCmd{serverSettings: settings, Name: "a b", Map: []string{"Qwx=id_number", "Note=-"}},
		&mappingListCmd{settings},
		&uploadCmd{serverSettings: settings, File: roll, mapSettings: mapSettings{Mapping: "a b"}},
		&mappingRemoveCmd{serverSettings: settings, Name: "a b"},
	} {
		if err := c.Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	const base = "/api/v1/bulk-upload"
	const said = `{"Note":null,"Qwx":"id_number"}`
	if len(got) != 5 || got[0] != "PUT "+base+"/mappings/a%20b "+said || got[2] != "GET "+base+"/mappings/a%20b " ||
		!strings.Contains(got[3], said) || got[4] != "DELETE "+base+"/mappings/a%20b " {
		t.Errorf("%q", got)
	}
	if text := out.String(); !strings.Contains(text, "a b   Qwx     id_number\na b   Note    -\n") {
		t.Errorf("listed %q", text)
	}
	if err := (&mappingSaveCmd{serverSettings: settings, Name: "x"}).Run(t.Context(), p); err == nil {
		t.Error("a mapping that says nothing is saved")
	}
}

// A folder is watched with a mapping that is right, and that is part of what its files
// are asked for.
func TestWatchDirMaps(t *testing.T) {
	kept := `{"Qwx":"id_number","Note":null}`
	var keys, sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data := `{"name":"mine","mapping":` + kept + `,"saved_at":"2026-01-01T00:00:00Z"}`
		switch {
		case r.Method == http.MethodPost:
			keys, sent = append(keys, r.Header.Get("Idempotency-Key")), append(sent, r.FormValue("mapping"))
			data = `{"job_id":"job-1"}`
		case !strings.HasSuffix(r.URL.Path, "/mappings/mine"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"success":false,"message":"none","error":{"code":"not_found"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"success":true,"message":"m","data":`+data+`}`) // the test sees what came
	}))
	defer server.Close()
	settings := serverSettings{Server: server.URL, Token: "t"}
	for name, bad := range map[string]mapSettings{
		"no field":      {Map: []string{"Qwx=shoe_size"}},
		"one, twice":    {Map: []string{"Qwx=age", "Zzy=age"}},
		"nothing":       {Map: []string{"Qwx"}},
		"none is saved": {Mapping: "other"},
	} {
		c := &watchDirCmd{serverSettings: settings, Dir: t.TempDir(), Settle: time.Second, mapSettings: bad}
		if err := c.Run(t.Context(), &process{out: io.Discard}); err == nil {
			t.Errorf("%s: the folder is watched", name)
		}
	}
	roll := writeRoll(t)
	upload := func(key string, m mapSettings) {
		t.Helper()
		c := &watchDirCmd{serverSettings: settings, mapSettings: m}
		err := c.checkMapping(t.Context())
		if err == nil {
			_, err = c.upload(t.Context(), roll, key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	upload("k", mapSettings{})
	upload("k", mapSettings{Map: []string{"Qwx=id_number", "Note=-"}})
	upload("k", mapSettings{Mapping: "mine"})
	upload("other", mapSettings{Mapping: "mine"})
	kept = `{"Qwx":"id_number"}`
	upload("k", mapSettings{Mapping: "mine"})
	const said = `{"Note":null,"Qwx":"id_number"}`
	if !slices.Equal(sent, []string{"", said, said, said, `{"Qwx":"id_number"}`}) {
		t.Errorf("sent %q", sent)
	}
	if keys[0] != "k" || keys[1] != keys[2] || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != 4 {
		t.Errorf("keys %q", keys)
	}
	gone := &watchDirCmd{serverSettings: settings, mapSettings: mapSettings{Mapping: "removed"}}
	if _, err := gone.upload(t.Context(), roll, "k"); err == nil || refusesFile(err) {
		t.Errorf("a file is refused for its mapping that is gone: %v", err)
	}
}

// writeRoll writes a roll that no server reads.
func writeRoll(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "roll.csv")
	if err := os.WriteFile(path, []byte("Qwx,Note\n8001015009087,x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseMap(t *testing.T) {
	got, err := parseMap([]string{"Identity No.=id_number", "a = b =surname", "F=-", "Remarks=null", "F=-"})
	want := map[string]string{"Identity No.": "id_number", "a = b": "surname", "F": "", "Remarks": ""}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][]string{{"x"}, {"=surname"}, {"x="}, {"x=age", "x=-"}} {
		if got, err := parseMap(bad); err == nil {
			t.Errorf("%q is %q", bad, got)
		}
	}
}
