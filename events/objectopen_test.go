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

// lossyProxy passes connections on to a server. Once armed, it drops the next
// piece of data from a client and breaks that connection.
type lossyProxy struct {
	to    string
	armed atomic.Bool
	broke atomic.Int64
}

func (p *lossyProxy) serve(t *testing.T) (addr string) {
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
			server, err := net.Dial("tcp", p.to)
			if err != nil {
				t.Errorf("dial: %v", err)
				_ = client.Close()
				return
			}
			end := func() { _, _ = client.Close(), server.Close() }
			all.Go(func() { defer end(); _, _ = io.Copy(client, server) })
			all.Go(func() { defer end(); p.forward(server, client) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return ln.Addr().String()
}

func (p *lossyProxy) forward(server io.Writer, client io.Reader) {
	piece := make([]byte, 32<<10)
	for {
		n, err := client.Read(piece)
		if err != nil {
			return
		}
		if p.armed.CompareAndSwap(true, false) {
			p.broke.Add(1)
			return
		}
		if _, err := server.Write(piece[:n]); err != nil {
			return
		}
	}
}

// The connection breaks while the request for an artifact is in flight. Fetch
// repeats the request at once and does not wait for the time of a transfer.
func TestFetchRepeatsItsRequestWhenTheConnectionBreaks(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	provisioner := eventstest.Connect(t, srv, "provisioner")
	if err := events.Provision(t.Context(), provisioner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	proxy := &lossyProxy{to: strings.TrimPrefix(srv.URL(), "nats://")}
	addr := proxy.serve(t)
	uploads := events.NewStore(eventstest.Connect(t, srv, "upload"))
	name := events.NewJobID() + "/upload"
	a, err := uploads.Put(t.Context(), events.BucketUploads, name, strings.NewReader("a roll"))
	if err != nil {
		t.Fatal(err)
	}
	js, err := events.Connect(events.Connection{
		URL: "nats://" + addr, User: "validation", Password: srv.Password("validation"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(js.Conn().Close)
	store := events.NewStore(js)
	proxy.armed.Store(true)
	began := time.Now()
	f, err := store.Fetch(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); proxy.broke.Load() != 1 || took > 20*time.Second {
		t.Errorf("the connection broke %d times, Fetch took %s", proxy.broke.Load(), took)
	}
}
