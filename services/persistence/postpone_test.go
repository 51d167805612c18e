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
	"rollcall.example/events/eventstest"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// cutProxy forwards connections to the database's socket, and can be cut.
type cutProxy struct {
	socket string
	addr   net.Addr

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// newCutProxy forwards connections from a port of its own to the socket, until the
// test ends.
func newCutProxy(t *testing.T, socket string) *cutProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &cutProxy{socket: socket, addr: ln.Addr(), conns: map[net.Conn]struct{}{}}
	var working sync.WaitGroup
	working.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			working.Go(func() { p.forward(in) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); p.setCut(true); working.Wait() })
	return p
}

func (p *cutProxy) forward(in net.Conn) {
	defer func() { _ = in.Close() }()
	out, err := net.Dial("unix", p.socket)
	if err != nil || !p.track(in, out) {
		return
	}
	defer func() { _ = out.Close() }()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
	both.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
	both.Wait()
}

func (p *cutProxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	if p.cut {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	return !p.cut
}

// setCut breaks all connections and refuses new ones, or accepts them again.
func (p *cutProxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for c := range p.conns {
			_ = c.Close()
		}
		clear(p.conns)
	}
}

func TestUnavailableDatabasePausesTheJob(t *testing.T) {
	s := startStage(t, nil)
	direct := postgrestest.URL(t)
	settings := map[string]string{}
	for _, pair := range strings.Fields(direct) {
		name, value, _ := strings.Cut(pair, "=")
		settings[name] = value
	}
	p := newCutProxy(t, fmt.Sprintf("%s/.s.PGSQL.%s", settings["host"], settings["port"]))
	host, port, err := net.SplitHostPort(p.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), strings.NewReplacer(
		"host="+settings["host"], "host="+host, "port="+settings["port"], "port="+port).Replace(direct))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.Service.db = db
	p.setCut(true)
	job := s.uploadVerified(t, events.Options{}, []person{newPerson(1, unverified), newPerson(2, unverified)})
	waitLoaded := func(what string, cond func(events.Job) bool) {
		t.Helper()
		eventstest.WaitFor(t, time.Minute, what, func() bool {
			now, err := s.log.Load(t.Context(), job.ID)
			return err == nil && cond(now)
		})
	}
	// More pauses than a failure has attempts.
	for range 4 {
		paused := eventstest.WaitKind(t, s.log, job.ID, events.KindPaused)
		if f := paused.Paused; f.Reason != events.PauseDatabase || f.Stage != events.StagePersistence ||
			f.Processed != 0 || paused.Standing.Percent != 65 {
			t.Fatalf("paused %+v at %d percent", f, paused.Standing.Percent)
		}
		waitLoaded("the job to go on", func(now events.Job) bool { return now.Seq > paused.Seq })
	}
	p.setCut(false)
	waitLoaded("the job to be written", func(now events.Job) bool { return now.Persisted != nil })
	var n int
	if err := db.Get(&n, "SELECT count(*) FROM members"); err != nil || n != 2 {
		t.Errorf("%d members, %v", n, err)
	}
}

func TestWhichErrorsMeanAnUnavailableDatabase(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&pq.Error{Code: "57P01"}, true},
		{&pq.Error{Code: "53300"}, true},
		{&pq.Error{Code: "53100"}, true},
		{&pq.Error{Code: "25006"}, true},
		{&pq.Error{Code: "08006"}, true},
		{&pq.Error{Code: "23505"}, false},
		{&pq.Error{Code: "42P01"}, false},
		{&pq.Error{Code: "40P01"}, false},
		{io.EOF, true},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{errors.New("other"), false},
	} {
		if got := isUnavailable(fmt.Errorf("write: %w", redact(tt.err))); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
	if isUnavailable(io.ErrUnexpectedEOF) {
		t.Error("a truncated artifact counts as an unavailable database")
	}
}
