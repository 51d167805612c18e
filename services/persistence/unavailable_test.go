package persistence

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// line is a line to the database that can be cut.
type line struct {
	t    *testing.T
	to   string
	addr net.Addr

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// newLine passes on what comes to its own port until the test ends.
func newLine(t *testing.T, to string) *line {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, to: to, addr: ln.Addr(), conns: map[net.Conn]struct{}{}}
	var working sync.WaitGroup
	working.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			working.Go(func() { l.pass(in) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); l.set(true); working.Wait() })
	return l
}

func (l *line) pass(in net.Conn) {
	defer func() { _ = in.Close() }()
	out, err := net.Dial("unix", l.to)
	if err != nil || !l.add(in, out) {
		return
	}
	defer func() { _ = out.Close() }()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
	both.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
	both.Wait()
}

func (l *line) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	if l.cut {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	return !l.cut
}

// set cuts the line with all that is on it, or mends it.
func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for c := range l.conns {
			_ = c.Close()
		}
		clear(l.conns)
	}
}

func TestADatabaseThatIsAwayIsAPause(t *testing.T) {
	s := startStage(t, nil)
	url := postgrestest.URL(t)
	said := map[string]string{}
	for _, pair := range strings.Fields(url) {
		name, value, _ := strings.Cut(pair, "=")
		said[name] = value
	}
	l := newLine(t, fmt.Sprintf("%s/.s.PGSQL.%s", said["host"], said["port"]))
	host, port, err := net.SplitHostPort(l.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	over := strings.NewReplacer("host="+said["host"], "host="+host, "port="+said["port"], "port="+port).Replace(url)
	db, err := postgres.Open(t.Context(), over)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.Service.db = db
	l.set(true)
	job := s.verified(t, events.Options{}, []person{one(1, unverified), one(2, unverified)})
	// More pauses than a failure has attempts.
	for range 4 {
		paused := s.wait(t, job.ID, events.KindPaused)
		if f := paused.Paused; f.Reason != events.PauseDatabase || f.Stage != events.StagePersistence || f.Processed != 0 || paused.Standing.Percent != 65 {
			t.Fatalf("%+v", f)
		}
		seq := paused.Seq
		waitLong(t, func() bool { now, err := s.log.Load(t.Context(), job.ID); return err == nil && now.Seq > seq })
	}
	l.set(false)
	waitLong(t, func() bool { now, err := s.log.Load(t.Context(), job.ID); return err == nil && now.Persisted != nil })
	var n int
	if err := db.Get(&n, "SELECT count(*) FROM members"); err != nil || n != 2 {
		t.Errorf("%d members, %v", n, err)
	}
}

func waitLong(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

func TestWhatIsTheDatabasesBeingAway(t *testing.T) {
	for _, tt := range []struct {
		err  error
		away bool
	}{
		{&pq.Error{Code: "57P01"}, true}, {&pq.Error{Code: "53300"}, true}, {&pq.Error{Code: "53100"}, true}, {&pq.Error{Code: "25006"}, true},
		{&pq.Error{Code: "08006"}, true}, {&pq.Error{Code: "23505"}, false}, {&pq.Error{Code: "42P01"}, false}, {&pq.Error{Code: "40P01"}, false},
		{io.EOF, true}, {&net.OpError{Op: "dial", Err: errors.New("refused")}, true}, {errors.New("other"), false},
	} {
		if away := unavailable(fmt.Errorf("write: %w", safe(tt.err))); away != tt.away {
			t.Errorf("%v: %v", tt.err, away)
		}
	}
	if unavailable(io.ErrUnexpectedEOF) {
		t.Error("an artifact that was cut off is taken for the database")
	}
}
