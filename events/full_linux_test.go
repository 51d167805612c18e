package events

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestWhatNoRoomIs(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":            {nil, false},
		"something else":     {errors.New("no space left on device"), false},
		"the disk":           {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true},
		"a quota":            {fmt.Errorf("spool: %w", syscall.EDQUOT), true},
		"the account":        {&jetstream.APIError{Code: 400, ErrorCode: 10002}, true},
		"the server":         {fmt.Errorf("put: %w", &jetstream.APIError{Code: 503, ErrorCode: 10023}), true},
		"a stream":           {&jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}, true},
		"another bad moment": {&jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "message size exceeds maximum allowed"}, false},
		"a guard":            {&jetstream.APIError{Code: 400, ErrorCode: codeWrongLastSequence}, false},
	} {
		if got := StorageFull(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A full disk is known as one through the compression and all.
func TestASpoolOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	zw, err := newCompressor(full)
	if err != nil {
		t.Fatal(err)
	}
	w := &RecordWriter[Row]{file: full, zw: zw}
	defer func() { _ = w.Close() }() // says once more that it is full
	err = w.Write(&Row{N: 2, Cells: []string{strings.Repeat("x", bufferSize)}})
	if err == nil {
		_, err = w.finish(Header{})
	}
	if !StorageFull(err) {
		t.Errorf("write: %v", err)
	}
	if _, err := io.Copy(full, strings.NewReader("x")); !StorageFull(err) {
		t.Errorf("copy: %v", err)
	}
}
