package tools_test

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a reader can hold at once. Whoever needs more moves something into a
// room of its own.
const (
	maxWidth = 120 // characters of a line, a tab is one
	maxLines = 500 // of a file
	maxFiles = 25  // of a package, without its tests
)

// crowded are the packages that may have more files, and why. Their comments say so too.
var crowded = map[string]string{
	"events":                "the contract stays flat: a file for each of its ideas",
	"services/cmd/rollcall": "a file for each command",
}

func TestLinesFilesAndPackagesAreNotTooLarge(t *testing.T) {
	packages := map[string]int{}
	for _, path := range goFiles(t) {
		checkLines(t, path)
		if !strings.HasSuffix(path, "_test.go") {
			packages[filepath.Dir(path)]++
		}
	}
	for dir, n := range packages {
		if n > maxFiles && crowded[show(dir)] == "" {
			t.Errorf("%s: %d source files, at most %d", show(dir), n, maxFiles)
		}
	}
}

// goFiles returns the paths of all Go files of the tree.
func goFiles(t *testing.T) (paths []string) {
	t.Helper()
	for _, module := range append(modules, "tools") {
		err := filepath.WalkDir(filepath.Join(top, module), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && entry.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if entry.IsDir() || filepath.Ext(path) != ".go" {
				return nil
			}
			paths = append(paths, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(paths) < 300 {
		t.Fatalf("only %d files seen", len(paths))
	}
	return paths
}

func checkLines(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		n++
		if width := utf8.RuneCount(lines.Bytes()); width > maxWidth {
			t.Errorf("%s:%d: %d characters, at most %d", show(path), n, width, maxWidth)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if n > maxLines {
		t.Errorf("%s: %d lines, at most %d", show(path), n, maxLines)
	}
}

// show returns a path as seen from the top of the tree.
func show(path string) string {
	return strings.TrimPrefix(filepath.ToSlash(path), "../")
}
