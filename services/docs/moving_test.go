package docs

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"rollcall.example/schema"
)

// Whoever moves a front end trusts the names of the page: each is in a description that
// other tests hold against real answers and frames.
func TestMovingNamesWhatThereIs(t *testing.T) {
	page, err := os.ReadFile("../../docs/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	var described strings.Builder
	for _, name := range []string{"openapi.yaml", "asyncapi.yaml"} {
		text, err := schema.Documents.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		described.Write(text)
	}
	err = fs.WalkDir(schema.Schemas, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(schema.Schemas, path)
		described.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(?:(?:GET|POST) )?/?"+
		"([a-z]+_[a-z_]+|can-upload|rate-limit-status|[a-z_]+\\.[a-z_]+)(?:=[a-z]+|/\\{jobId\\})?`").
		FindAllSubmatch(page, -1)
	if len(names) < 50 {
		t.Fatalf("only %d names", len(names))
	}
	for _, found := range names {
		name := string(found[1])
		if _, field, inside := strings.Cut(name, "."); inside {
			name = field
		}
		if !strings.Contains(described.String(), name) {
			t.Errorf("the page names %s, which nothing describes", name)
		}
	}
}
