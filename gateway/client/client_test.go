package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/auth/authtest"
	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

const secret = authtest.Secret

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, append(eventstest.IgnoreLeaks(),
		goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }))...)
}

// rig is a gateway that can be replaced behind one address.
type rig struct {
	t       *testing.T
	nats    *embedded.Server
	current atomic.Pointer[gateway.Gateway]
	stop    func()
	url     string
	// hijacked are the connections that became WebSockets.
	hijacked *connTracker
}

func start(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, nats: eventstest.Start(t)}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/ws" {
			http.NotFound(w, req)
			return
		}
		r.current.Load().ServeHTTP(w, req)
	}))
	r.hijacked = &connTracker{Listener: srv.Listener, open: map[*trackedConn]bool{}}
	srv.Listener, srv.Config.ConnState = r.hijacked, r.hijacked.state
	srv.Start()
	t.Cleanup(srv.Close)
	r.url = srv.URL
	r.replace()
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) replace() {
	r.t.Helper()
	if r.stop != nil {
		r.stop()
	}
	v, err := auth.New(context.Background(), auth.Config{Secret: secret})
	if err != nil {
		r.t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{
		JetStream: eventstest.Connect(r.t, r.nats, "gateway"), Verifier: v, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
		v.Close()
	}
	eventstest.Wait(r.t, "the gateway", func() bool { return g.Ready() == nil })
	r.current.Store(g)
}

func (r *rig) client(user string, ttl time.Duration) *client.Client {
	r.t.Helper()
	token, err := auth.Mint(secret, user, "member", ttl, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: r.url, Token: token, Backoff: quick, Attempts: 500})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) job() (events.Job, func(*events.Job)) {
	r.t.Helper()
	log := events.NewLog(eventstest.Connect(r.t, r.nats, "upload"), events.StageUpload, nil)
	alice := events.User{ID: "alice", Role: "member"}
	job := eventstest.Upload(r.t, log, alice, events.Artifact{}, events.Options{})
	return job, func(j *events.Job) {
		for i, s := range events.Stages {
			if s == j.Next() {
				l := events.NewLog(eventstest.Connect(r.t, r.nats, string(s)), s, nil)
				eventstest.Append(r.t, l, j, eventstest.Facts(j.ID)[i])
				return
			}
		}
	}
}

func TestWatchContinuesWhenTheGatewayIsReplaced(t *testing.T) {
	r := start(t)
	job, step := r.job()
	var seqs []uint64
	var last client.Frame
	for f, err := range r.client("alice", time.Hour).Watch(t.Context(), job.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		seqs, last = append(seqs, f.Seq), f
		if len(seqs)%2 == 1 {
			r.replace()
		}
		if job.Next() != "" {
			step(&job)
		}
	}
	if len(seqs) != 5 || seqs[4] != job.Seq || !last.Terminal() {
		t.Fatalf("sequences %v, last %s", seqs, last.Event)
	}
	done, err := last.Complete()
	if err != nil || done.JobID != job.ID || done.Status != events.StatusCompleted {
		t.Fatalf("%+v, %v", done, err)
	}
}

func TestHistoryEndsAtTheNewestFact(t *testing.T) {
	r := start(t)
	job, step := r.job()
	step(&job)
	var n int
	for f, err := range r.client("alice", time.Hour).History(t.Context(), job.ID) {
		if err != nil || f.Job() != job.ID {
			t.Fatalf("%+v, %v", f, err)
		}
		n++
	}
	if n != 2 {
		t.Fatalf("%d events", n)
	}
}

func TestWatchAfterTheLastFactEnds(t *testing.T) {
	r := start(t)
	job, step := r.job()
	for job.Next() != "" {
		step(&job)
	}
	for f, err := range r.client("alice", time.Hour).Watch(t.Context(), job.ID, job.Seq) {
		t.Fatalf("%+v, %v", f, err)
	}
}

// refusedAs reports whether an error is the server's refusal of that code.
func refusedAs(err error, code string) bool {
	e, ok := errors.AsType[*refusal.Error](err)
	return ok && e.Code == code
}

func TestErrorsThatEndAWatch(t *testing.T) {
	r := start(t)
	job, _ := r.job()
	only := func(c *client.Client, id string) (got error) {
		for _, err := range c.Watch(t.Context(), id, 0) {
			got = err
		}
		return got
	}
	if err := only(r.client("bob", time.Hour), job.ID); !refusedAs(err, refusal.CodeNotFound) {
		t.Errorf("a foreign job: %v", err)
	}
	bad, err := client.New(client.Config{URL: r.url, Token: "x.y.z"})
	if err != nil {
		t.Fatal(err)
	}
	if err := only(bad, job.ID); !refusedAs(err, refusal.CodeUnauthenticated) {
		t.Errorf("a bad token: %v", err)
	}
	if err := only(r.client("alice", 2*time.Second), job.ID); !refusedAs(err, refusal.CodeUnauthenticated) {
		t.Errorf("a token that expires meanwhile: %v", err)
	}
	nowhere, err := client.New(client.Config{URL: "http://127.0.0.1:1", Token: "x", Attempts: 2, Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	if err := only(nowhere, job.ID); err == nil {
		t.Error("no server: no error")
	}
	for _, cfg := range []client.Config{{}, {URL: "ftp://x", Token: "x"}, {URL: r.url}} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}

// An erasure comes after the end of a job, and a watch ends with it.
func TestWatchEndsWithTheErasure(t *testing.T) {
	r := start(t)
	job, step := r.job()
	for job.Next() != "" {
		step(&job)
	}
	log := events.NewLog(eventstest.Connect(t, r.nats, "privacy"), "privacy", nil)
	eventstest.Append(t, log, &job, &events.Erased{
		Reason: events.ErasedExpired, Status: job.Status, Removed: []events.Artifact{job.Reported.Report},
	})
	var last client.Frame
	n := 0
	for f, err := range r.client("alice", time.Hour).Watch(t.Context(), job.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = f
		n++
	}
	d, err := last.Erased()
	if err != nil || n != 6 || last.Event != frames.EventErased ||
		!d.Report || d.Status != events.StatusCompleted || d.Reason != events.ErasedExpired {
		t.Fatalf("%d frames, last %+v, %v", n, d, err)
	}
}
