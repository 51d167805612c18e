package httpserver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"testing/iotest"
	"time"
)

// dripping is a body that has so many bytes, each after a while.
type dripping struct {
	left int
	wait time.Duration
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(d.wait) // the line is that slow
	d.left--
	p[0] = 'x'
	return 1, nil
}

func TestClockBodyEndsWhatDrips(t *testing.T) {
	const idle = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		body io.Reader
		want error
	}{
		"drips":           {&dripping{left: 1000, wait: idle / 10}, io.ErrUnexpectedEOF},
		"small and quick": {&dripping{left: 3}, nil},
		"large":           {io.LimitReader(zeros{}, 10*BodyPiece), nil},
		"fails itself":    {iotest.ErrReader(os.ErrClosed), os.ErrClosed},
	} {
		if _, err := io.Copy(io.Discard, ClockBody(io.NopCloser(tt.body), idle)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestBoundBodyEndsAtTheDeadline(t *testing.T) {
	const idle = 100 * time.Millisecond
	read := make(chan error, 1)
	addr, _ := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, BoundBody(w, r.Body, idle))
		read <- err
	}), Limits{})
	conn := connect(t, addr)
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-read:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still reading")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
