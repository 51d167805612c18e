package gateway_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

// dialWithSmallBuffer connects with a small receive buffer, which the system would
// otherwise make as large as it likes.
func dialWithSmallBuffer(t *testing.T, url, token string) *socket {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return conn, conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	}}
	ws, _, err := websocket.Dial(t.Context(), url,
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: transport},
			HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(1 << 20)
	return &socket{t: t, ws: ws}
}

func TestSlowClientIsDisconnected(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Queue, c.WriteTimeout = 4, 5*time.Minute })
	s := dialWithSmallBuffer(t, r.url, mintToken(t, "alice", "member", time.Hour))
	s.send("ping", nil, 1)
	s.want("pong")
	// It reads nothing, and more comes than the buffers of the sockets hold.
	other := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	long := strings.Repeat("x", 200_000)
	for i := 0; i < 120 && r.gw.Stats().Dropped == 0; i++ {
		job := r.upload("alice")
		eventstest.Append(t, r.logs[events.StageValidation], &job,
			&events.Failed{Stage: events.StageValidation, Code: "x", Message: long, Attempts: 1})
		for range 2 {
			if _, err := other.next(); err != nil {
				t.Fatalf("a client that keeps up: %v", err)
			}
		}
	}
	// The socket may have no room for the close frame.
	if n := r.gw.Stats().Dropped; n == 0 {
		t.Error("no frame was dropped")
	}
	if code := s.closeCode(); code != refusal.CloseTooSlow && code != -1 {
		t.Fatalf("closed with %d", code)
	}
}

// A client that has read nothing for a while gets every fact, and of the progress only
// the newest.
func TestSlowClientGetsAllFactsAndTheNewestProgress(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.PingInterval, c.WriteTimeout = time.Hour, 5*time.Minute })
	token := mintToken(t, "carol", "national_admin", time.Hour)
	job := r.upload("alice")
	want := []uint64{job.Seq}
	slow, quick := dialWithSmallBuffer(t, r.url, token), dial(t, r.url, token)
	for _, s := range []*socket{slow, quick} {
		s.subscribe(job.ID, 0)
		s.want("ack")
		s.want("bulk_upload_progress")
	}
	// More than the buffers of the sockets hold, some 4 MB, so that the queue fills up.
	long := strings.Repeat("x", 200_000)
	for range 30 {
		eventstest.Append(t, r.logs[events.StageValidation], &job,
			&events.Failed{Stage: events.StageValidation, Code: "x", Message: long, Attempts: 1, Retryable: true})
		quick.want("bulk_upload_failed")
		retried := &events.Retried{Stage: events.StageValidation, By: job.Owner}
		eventstest.Append(t, r.logs[events.StageUpload], &job, retried)
		quick.want("bulk_upload_progress")
		want = append(want, job.Seq-1, job.Seq)
	}
	const newest = 20
	for percent := 11; percent <= newest; percent++ {
		p := events.Progress{Service: events.StageValidation, Step: events.FileReading, Percent: percent,
			Status: events.StatusProcessing, Trigger: job.Trigger}
		if err := r.logs[events.StageValidation].SetProgress(t.Context(), &job, p); err != nil {
			t.Fatal(err)
		}
		if f := quick.want("bulk_upload_progress"); f.Data["progress"] != float64(percent) {
			t.Fatalf("a client that keeps up: %s", f.raw)
		}
	}
	got := []uint64{want[0]}
	for len(got) < len(want) {
		f, err := slow.next()
		if err != nil || f.Seq == 0 {
			t.Fatalf("after %d facts of %d: %.200s, %v", len(got), len(want), f.raw, err)
		}
		got = append(got, f.Seq)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if f := slow.want("bulk_upload_progress"); f.Seq != 0 || f.Data["progress"] != float64(newest) {
		t.Fatalf("progress: %s", f.raw)
	}
	slow.send("ping", nil, 1)
	slow.want("pong")
	s := r.gw.Stats()
	if s.Connections != 2 || s.Subscriptions != 2 || s.Dropped != 0 || s.Conflated == 0 ||
		s.Sent < uint64(2*len(want)) {
		t.Errorf("%+v", s)
	}
}
