package client_test

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// errNoToken is the error of a token source that has no token any more.
var errNoToken = refusal.New(refusal.CodeUnauthenticated, "Sign in again.")

func quick(int) time.Duration { return 10 * time.Millisecond }

func TestWatchContinuesWithANewToken(t *testing.T) {
	r := start(t)
	job, step := r.job()
	var asked atomic.Int32
	c, err := client.New(client.Config{URL: r.url, Backoff: quick, TokenSource: func(context.Context) (string, error) {
		asked.Add(1)
		return auth.Mint(secret, "alice", "member", 2*time.Second, time.Now())
	}})
	if err != nil {
		t.Fatal(err)
	}
	seqs, done := make(chan uint64, 10), make(chan error, 1)
	go func() {
		for f, err := range c.Watch(t.Context(), job.ID, 0) {
			if err != nil {
				done <- err
				return
			}
			seqs <- f.Seq
		}
		done <- nil
	}()
	// The first token expires while nothing happens to the job.
	eventstest.Wait(t, "a second token", func() bool { return asked.Load() >= 2 })
	for job.Next() != "" {
		step(&job)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	close(seqs)
	if got := slices.Collect(all(seqs)); !slices.Equal(got, []uint64{1, 2, 3, 4, 5}) {
		t.Fatalf("sequences %v", got)
	}
}

func all[T any](c <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range c {
			if !yield(v) {
				return
			}
		}
	}
}

func TestWatchEndsWithoutAValidToken(t *testing.T) {
	r := start(t)
	job, _ := r.job()
	for name, source := range map[string]func(context.Context) (string, error){
		"bad tokens": func(context.Context) (string, error) { return "x.y.z", nil },
		"no tokens":  func(context.Context) (string, error) { return "", errNoToken },
	} {
		c, err := client.New(client.Config{URL: r.url, Backoff: quick, TokenSource: source})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range c.Watch(t.Context(), job.ID, 0) {
			err = got
		}
		if !refusedAs(err, refusal.CodeUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStayWaitsForTheRetry(t *testing.T) {
	r := start(t)
	job, step := r.job()
	log := func(s events.Stage) *events.Log {
		return events.NewLog(eventstest.Connect(t, r.nats, string(s)), s, nil)
	}
	validation, upload := log(events.StageValidation), log(events.StageUpload)
	token, err := auth.Mint(secret, "alice", "member", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: r.url, Token: token, Backoff: quick, Stay: true})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for f, err := range c.Watch(t.Context(), job.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Event)
		switch len(names) {
		case 1:
			eventstest.Append(t, validation, &job,
				&events.Failed{Stage: events.StageValidation, Code: "x", Message: "m", Attempts: 1, Retryable: true})
		case 2:
			eventstest.Append(t, upload, &job, &events.Retried{Stage: events.StageValidation, By: job.Owner})
			step(&job)
			eventstest.Append(t, log(events.StageIEC), &job,
				&events.Failed{Stage: events.StageIEC, Code: "x", Message: "m", Attempts: 1})
		}
	}
	// The second failure cannot be retried.
	want := []string{frames.EventProgress, frames.EventFailed, frames.EventProgress, frames.EventProgress,
		frames.EventFailed}
	if !slices.Equal(names, want) {
		t.Fatalf("got %v", names)
	}
}

// The client repeats a request that the server cannot serve at the moment, and no other.
func TestRefusals(t *testing.T) {
	var code atomic.Value
	var dials atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dials.Add(1)
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = ws.CloseNow() }()
		if _, _, err := ws.Read(r.Context()); err != nil {
			t.Error(err)
			return
		}
		if err := ws.Write(r.Context(), websocket.MessageText,
			[]byte(`{"event":"error","id":1,"data":{"code":"`+code.Load().(string)+`","message":"No."}}`)); err != nil {
			t.Error(err)
		}
		_, _, _ = ws.Read(r.Context()) // until the client has closed
	}))
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL, Token: "any", Backoff: quick, Attempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int32{"too_many_subscriptions": 1, "bad_request": 1, "not_found": 1,
		"overloaded": 4} {
		code.Store(name)
		dials.Store(0)
		var got error
		for _, err := range c.Watch(t.Context(), events.NewJobID(), 0) {
			got = err
		}
		if dials.Load() != want || !refusedAs(got, name) {
			t.Errorf("%s: %d connections, then %v", name, dials.Load(), got)
		}
	}
}
