package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestBinariesAreFoundWithoutAPath(t *testing.T) {
	onPath, err := binaries("")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	installed, err := binaries("")
	switch {
	case err == nil && !complete(installed):
		t.Errorf("%s lacks programs", installed)
	case err != nil && !errors.Is(err, ErrNoBinaries): // a machine that has them on the PATH only
		t.Errorf("beside %s: %v", onPath, err)
	}
}

func TestBinariesBehindALink(t *testing.T) {
	real, links := t.TempDir(), t.TempDir()
	for _, name := range needed {
		if err := os.WriteFile(filepath.Join(real, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// As packages do it, for one of them alone.
	if err := os.Symlink(filepath.Join(real, "initdb"), filepath.Join(links, "initdb")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", links)
	got, err := binaries("")
	if want, _ := filepath.EvalSymlinks(real); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestVersion(t *testing.T) {
	for path, want := range map[string]int{
		"/usr/lib/postgresql/16/bin": 16, "/usr/lib/postgresql/9.6/bin": 9,
		"/opt/homebrew/opt/postgresql@17/bin": 17, "/usr/local/opt/postgresql/bin": 0,
	} {
		if got := version(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}
