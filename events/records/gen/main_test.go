package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheCodecIsNotStale(t *testing.T) {
	want, err := generate("../" + source)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../" + target)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("events/records/%s is stale: run go generate ./events/records", target)
	}
}

// Whatever the generator has no code for, it refuses.
func TestGenerateRefusesWhatItCannotWrite(t *testing.T) {
	for name, tt := range map[string]struct{ fields, says string }{
		"a type":              {"N int `json:\"n\"`\nA float64 `json:\"a\"`", "no code for type float64"},
		"an option":           {"N int `json:\"n,omitzero\"`", "no code for tag"},
		"a time always there": {"N int `json:\"n\"`\nAt time.Time `json:\"at\"`", "no code for tag"},
		"no tag":              {"N int", "tag of its own"},
		"two names":           {"N, M int `json:\"n\"`", "tag of its own"},
		"no name in the tag":  {"N int `json:\"\"`", "no code for tag"},
		"an optional first":   {"N int `json:\"n,omitempty\"`", "must not be optional"},
		"no fields":           {"", "must not be optional"},
	} {
		file := filepath.Join(t.TempDir(), "record.go")
		source := "package records\n\ntype Row struct {\n" + tt.fields + "\n}\n"
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(file); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}
