package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"rollcall.example/schema"
)

func TestTheTypesAreNotStale(t *testing.T) {
	want, err := generate(schema.Schemas)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../" + target)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("gateway/frames/%s is stale: run go generate ./gateway/frames", target)
	}
}

// What the generator has no code for, it refuses.
func TestGenerateRefusesWhatItCannotWrite(t *testing.T) {
	common, err := schema.Schemas.ReadFile("events/common.json")
	if err != nil {
		t.Fatal(err)
	}
	frame := func(data, more string) string {
		return `{"title":"t","properties":{"event":{"const":"x"},"data":` + data + more + `}}`
	}
	for name, tt := range map[string]struct{ text, says string }{
		"no event":          {`{"properties":{"data":{"type":"object"}}}`, "no event or data"},
		"data is no object": {frame(`{"type":"string"}`, ""), "no object"},
		"another member":    {frame(`{"type":"object"}`, `,"more":{}`), "no code for more"},
		"a list": {frame(`{"type":"object","properties":{"a":{"type":"array"}}}`, ""),
			"a: no code for a schema"},
		"no JSON": {`{`, "frames/x.json"},
	} {
		files := fstest.MapFS{"events/common.json": {Data: common}, "frames/x.json": {Data: []byte(tt.text)}}
		if _, err := generate(files); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
	if _, err := generate(fstest.MapFS{"events/common.json": {Data: common}}); err == nil {
		t.Error("no schema at all is refused")
	}
}
