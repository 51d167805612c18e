package schema

import (
	"io/fs"
	"strings"
	"testing"
)

func TestEverySchemaCompilesAndHasATitle(t *testing.T) {
	all, err := compileSchemas()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = fs.WalkDir(Schemas, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		s, ok := all[strings.TrimSuffix(path, ".json")]
		if !ok || s.Title == "" && path != "events/common.json" {
			t.Errorf("%s: not compiled, or without a title", path)
		}
		return nil
	})
	if err != nil || n != 25+9 {
		t.Fatalf("%d schemas, %v", n, err)
	}
	for _, get := range []func(string) error{
		func(name string) error { _, err := Event(name); return err },
		func(name string) error { _, err := Frame(name); return err },
	} {
		if get("nothing") == nil {
			t.Error("an unknown name has a schema")
		}
	}
}
