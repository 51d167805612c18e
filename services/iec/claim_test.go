package iec

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/sim"
)

// Others would wait for a claim that is left without an answer.
func TestAPausedJobLeavesNoClaimWithoutAnAnswer(t *testing.T) {
	r := newRig(t, 30, sim.Config{}, withHourWindow)
	people := makeIDs(100)
	eventstest.WaitKind(t, r.log, r.addJob(t, people, events.Options{}).ID, events.KindPaused)
	kept := openAnswers(t, r.nats)
	for _, id := range people {
		if c, err := kept.Claim(t.Context(), id, "another job"); err != nil || c == nil {
			t.Errorf("a claim is left: %v, %v", c, err)
		}
	}
}

// A call in progress is finished, but not repeated once the job stops.
func TestNothingIsRetriedAfterACancellation(t *testing.T) {
	simulator, err := sim.New(sim.Config{Faults: sim.Faults{Errors: 1}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(simulator)
	defer srv.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("cancelled")
	client, err := NewClient(ClientConfig{BaseURL: srv.URL,
		Backoff: func(int) time.Duration { cancel(gone); return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	nats := eventstest.Start(t)
	quota := newQuota(t, openBucket(t, nats, events.KVQuota), 100, newClock())
	kept := openAnswers(t, nats)
	s := New(Config{Client: client, Quota: quota, Answers: kept})
	v := &verification{service: s, queue: s.turns.join("job", "member"), own: s.cfg.Users.join("alice")}
	mine, err := kept.Claim(t.Context(), makeIDs(1)[0], "job")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.lookUp(ctx, context.WithoutCancel(ctx), makeIDs(1)[0], mine); !errors.Is(err, gone) {
		t.Errorf("ended with %v", err)
	}
	if n := simulator.Calls(makeIDs(1)[0]); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
