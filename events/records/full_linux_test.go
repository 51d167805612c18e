package records

import (
	"io"
	"os"
	"strings"
	"testing"

	"rollcall.example/events"
)

// The error of a full disk passes through the compression.
func TestWriterReportsAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	zw, err := newCompressor(full)
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer[Row]{file: full, zw: zw}
	defer func() { _ = w.Close() }() // fails again: the disk is full
	err = w.Write(&Row{N: 2, Cells: []string{strings.Repeat("x", bufferSize)}})
	if err == nil {
		_, err = w.finish(Header{})
	}
	if !events.StorageFull(err) {
		t.Errorf("write: %v", err)
	}
	if _, err := io.Copy(full, strings.NewReader("x")); !events.StorageFull(err) {
		t.Errorf("copy: %v", err)
	}
}
