package events_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// deaf passes connections on to a server. Once armed, it keeps the next thing
// that a client says to itself and breaks that connection.
type deaf struct {
	to    string
	armed atomic.Bool
	broke atomic.Int64
}

func (d *deaf) serve(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return // closed
			}
			server, err := net.Dial("tcp", d.to)
			if err != nil {
				t.Errorf("dial: %v", err)
				_ = client.Close()
				return
			}
			end := func() { _, _ = client.Close(), server.Close() }
			all.Go(func() { defer end(); _, _ = io.Copy(client, server) })
			all.Go(func() { defer end(); d.listen(server, client) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return ln.Addr().String()
}

func (d *deaf) listen(server io.Writer, client io.Reader) {
	piece := make([]byte, 32<<10)
	for {
		n, err := client.Read(piece)
		if err != nil {
			return
		}
		if d.armed.CompareAndSwap(true, false) {
			d.broke.Add(1)
			return
		}
		if _, err := server.Write(piece[:n]); err != nil {
			return
		}
	}
}

// An artifact whose reading was asked for when the connection broke is asked for
// again, long before the time for a transfer is over.
func TestFetchAsksAgainWhenTheConnectionBreaks(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	if err := events.Provision(t.Context(), eventstest.Connect(t, srv, "provisioner"), events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	line := &deaf{to: strings.TrimPrefix(srv.URL(), "nats://")}
	addr := line.serve(t)
	a, err := events.NewStore(eventstest.Connect(t, srv, "upload")).Put(t.Context(), events.BucketUploads, events.NewJobID()+"/upload", strings.NewReader("a roll"))
	if err != nil {
		t.Fatal(err)
	}
	js, err := events.Connect(events.Connection{URL: "nats://" + addr, User: "validation", Password: srv.Password("validation")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(js.Conn().Close)
	store := events.NewStore(js)
	line.armed.Store(true)
	began := time.Now()
	f, err := store.Fetch(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); line.broke.Load() != 1 || took > 20*time.Second {
		t.Errorf("the connection broke %d times, it took %s", line.broke.Load(), took)
	}
}
