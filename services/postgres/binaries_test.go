package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFindBinariesWithoutAPath(t *testing.T) {
	onPath, err := findBinaries("")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	installed, err := findBinaries("")
	switch {
	case err == nil && !hasPrograms(installed):
		t.Errorf("%s lacks programs", installed)
	case err != nil && !errors.Is(err, ErrNoBinaries): // a machine may have them on the PATH only
		t.Errorf("beside %s: %v", onPath, err)
	}
}

func TestFindBinariesBehindALink(t *testing.T) {
	real, links := t.TempDir(), t.TempDir()
	for _, name := range requiredPrograms {
		if err := os.WriteFile(filepath.Join(real, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Packages link only one of the programs.
	if err := os.Symlink(filepath.Join(real, "initdb"), filepath.Join(links, "initdb")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", links)
	got, err := findBinaries("")
	if want, _ := filepath.EvalSymlinks(real); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestMajorVersion(t *testing.T) {
	for path, want := range map[string]int{
		"/usr/lib/postgresql/16/bin": 16, "/usr/lib/postgresql/9.6/bin": 9,
		"/opt/homebrew/opt/postgresql@17/bin": 17, "/usr/local/opt/postgresql/bin": 0,
	} {
		if got := majorVersion(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}
