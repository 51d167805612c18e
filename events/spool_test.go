package events_test

import (
	"io"
	"os"
	"testing"

	"rollcall.example/events"
)

func TestOpenSpoolRemovesTheName(t *testing.T) {
	dir := t.TempDir()
	f, err := events.OpenSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
	if _, err := f.WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(io.NewSectionReader(f, 0, 10)); err != nil || string(text) != "kept" {
		t.Errorf("read back %q, %v", text, err)
	}
	if _, err := events.OpenSpool(dir + "/missing"); err == nil {
		t.Error("opened a spool in a missing folder")
	}
}
