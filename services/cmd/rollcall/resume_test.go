package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/services/api"
)

// weakLine forwards connections to a server. After a number of bytes from the client, a
// connection breaks, or with hold goes silent.
type weakLine struct {
	net.Listener
	to     string
	each   atomic.Int64 // bytes; 0 is no limit
	hold   atomic.Bool
	passed atomic.Int64 // from clients, over all connections
	cut    atomic.Int64 // connections that broke
	wg     sync.WaitGroup
}

func newWeakLine(t *testing.T, to string) *weakLine {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &weakLine{Listener: ln, to: strings.TrimPrefix(to, "http://")}
	l.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // closed
			}
			l.wg.Go(func() { l.forward(conn) })
		}
	})
	t.Cleanup(func() {
		l.hold.Store(false)
		l.closeAndWait()
	})
	return l
}

// closeAndWait closes the line and waits until all connections have ended.
func (l *weakLine) closeAndWait() {
	_ = l.Close() // again, at the end of the test
	l.wg.Wait()
}

func (l *weakLine) url() string { return "http://" + l.Addr().String() }

func (l *weakLine) forward(conn net.Conn) {
	defer func() { _ = conn.Close() }() // as lines end
	server, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	l.wg.Go(func() {
		_, _ = io.Copy(conn, server) // ends with either
		_ = conn.Close()
	})
	from := io.Reader(conn)
	if each := l.each.Load(); each > 0 {
		from = io.LimitReader(conn, each)
	}
	n, err := io.Copy(server, from)
	l.passed.Add(n)
	if err == nil && l.each.Load() > 0 && n == l.each.Load() {
		l.cut.Add(1)
		for l.hold.Load() {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// longRoll writes a roll of several hundred kilobytes.
func longRoll(t *testing.T) (file string, size int64) {
	t.Helper()
	var b strings.Builder
	b.WriteString("ID Number,First name,Residential address\n")
	for i := range 8000 {
		fmt.Fprintf(&b, "%d,Thandi,%d Long Street, in a town with a name that is as long as the street\n", i, i)
	}
	file = filepath.Join(t.TempDir(), "roll.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, int64(b.Len())
}

// Over a line that keeps breaking everything arrives, and only bytes in flight are sent twice.
// When the command is killed and started again, it continues.
func TestUploadOverAWeakLine(t *testing.T) {
	up := startUp(t, t.TempDir())
	file, size := longRoll(t)
	cache := t.TempDir()
	env := []string{"XDG_CACHE_HOME=" + cache, "HOME=" + cache}
	line := newWeakLine(t, up.url())
	line.each.Store(150_000)
	args := []string{"upload", file, "--resume", "--skip-iec", "--server", line.url(), "--token",
		token(t, "alice", "member")}

	t.Run("breaks", func(t *testing.T) {
		p := rollcall(t, env, args...)
		p.waitForEnd(t)
		if p.exit != nil || jobIDs.FindString(p.out.String()) == "" {
			t.Fatalf("%v\n%s%s", p.exit, p.out, p.err)
		}
		if cut, sent := line.cut.Load(), line.passed.Load(); cut < 3 || sent > 2*size {
			t.Errorf("the line broke %d times, %d bytes were sent of %d", cut, sent, size)
		}
		left, err := filepath.Glob(filepath.Join(cache, "rollcall", "uploads", "*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left in the cache: %v, %v", left, err)
		}
	})
	t.Run("killed", func(t *testing.T) {
		line.hold.Store(true)
		line.cut.Store(0)
		args := append(args, "--dry-run") // or it would be the same upload
		p := rollcall(t, env, args...)
		p.wait("the line to go silent", func() bool { return line.cut.Load() > 0 })
		p.stop(syscall.SIGKILL)
		line.hold.Store(false) // which ends the connection to the server, too
		line.each.Store(0)
		notes, err := filepath.Glob(filepath.Join(cache, "rollcall", "uploads", "*"))
		if err != nil || len(notes) != 1 {
			t.Fatalf("noted: %v, %v", notes, err)
		}
		path, err := os.ReadFile(notes[0])
		if err != nil {
			t.Fatal(err)
		}
		up.wait("what came to be stored", func() bool {
			return offset(t, up.url(), strings.TrimSpace(string(path)),
				args[7]) > 0
		})
		line.passed.Store(0)
		again := rollcall(t, env, args...)
		again.waitForEnd(t)
		if again.exit != nil || jobIDs.FindString(again.out.String()) == "" {
			t.Fatalf("%v\n%s%s", again.exit, again.out, again.err)
		}
		line.closeAndWait()
		if sent := line.passed.Load(); sent == 0 || sent > size-100_000 {
			t.Errorf("%d bytes were sent of %d, of which some had arrived", sent, size)
		}
	})
}

// offset returns how many bytes of an upload have arrived.
func offset(t *testing.T, server, path, token string) int64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server+api.Base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Tus-Resumable", "1.0.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// end waits until the program has ended by itself.
func (p *program) waitForEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("it does not end\n%s%s", p.out, p.err)
	}
}

// A refused upload is not retried and leaves no note.
func TestRefusedUploadInPartsLeavesNothing(t *testing.T) {
	up := startUp(t, t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "roll.xlsx")
	if err := os.WriteFile(file, []byte("this is no workbook"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := runCommand(t, "upload", file, "--resume", "--server", up.url(), "--token", token(t, "alice", "member"))
	if e, ok := errors.AsType[*refusal.Error](err); !ok || e.Status()/100 != 4 || e.Message == "" {
		t.Errorf("%v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "rollcall", "uploads", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}
