package tools_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)
	fuzzItem   = regexp.MustCompile(`(?m)^ +- (\S+ Fuzz\w+)$`)
)

// The task fuzz runs each fuzz target of the tree, and names none that is not there.
func TestTheTaskRunsEachFuzzTarget(t *testing.T) {
	var targets, items []string
	for _, path := range goFiles(t) {
		if !strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range fuzzTarget.FindAllStringSubmatch(string(text), -1) {
			targets = append(targets, show(filepath.Dir(path))+" "+found[1])
		}
	}
	text, err := os.ReadFile(filepath.Join(top, "Taskfile.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range fuzzItem.FindAllStringSubmatch(string(text), -1) {
		items = append(items, found[1])
	}
	slices.Sort(targets)
	slices.Sort(items)
	if len(targets) == 0 || !slices.Equal(targets, items) {
		t.Errorf("targets %q\nthe task has %q", targets, items)
	}
}
