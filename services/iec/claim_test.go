package iec

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/sim"
)

// countClaims counts the claims that have not ended.
func countClaims(t *testing.T, srv *embedded.Server) int {
	t.Helper()
	kv, err := eventstest.Connect(t, srv, eventstest.Owner).KeyValue(t.Context(), events.KVClaims)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range keys.Keys() {
		n++
	}
	return n
}

// A worker that lost its claim must not end that of its successor.
func TestOnlyItsHolderEndsAClaim(t *testing.T) {
	srv := eventstest.Start(t)
	c := &claims{openBucket(t, srv, events.KVClaims)}
	late, err := c.acquire(t.Context(), "person", "job-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.acquire(t.Context(), "person", "job-1"); err != nil { // its successor on the same job
		t.Fatal(err)
	}
	if err := late.release(t.Context()); err != nil {
		t.Errorf("nothing to release is no failure: %v", err)
	}
	if other, err := c.acquire(t.Context(), "person", "job-2"); err != nil || other != nil {
		t.Errorf("another job got the claim: %v, %v", other, err)
	}
}

// A job that waits long for a turn, or retries often, renews its claim before the
// call.
func TestAClaimIsRenewedBeforeItEnds(t *testing.T) {
	srv := eventstest.Start(t)
	kv := openBucket(t, srv, events.KVClaims)
	c := &claims{kv}
	mine, err := c.acquire(t.Context(), "person", "job-1")
	if err != nil {
		t.Fatal(err)
	}
	young := mine.revision
	if err := mine.renew(t.Context()); err != nil || mine.revision != young {
		t.Errorf("a young claim: %v, revision %d", err, mine.revision)
	}
	mine.renewedAt = mine.renewedAt.Add(-events.ClaimTTL / 2)
	if err := mine.renew(t.Context()); err != nil || mine.revision == young ||
		time.Since(mine.renewedAt) > time.Minute {
		t.Errorf("an old claim: %v, revision %d of %s", err, mine.revision, mine.renewedAt)
	}
	// As the server does at the end of a claim's life; then another job claims.
	if err := kv.Purge(t.Context(), "person"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.acquire(t.Context(), "person", "job-2"); err != nil {
		t.Fatal(err)
	}
	mine.renewedAt = mine.renewedAt.Add(-events.ClaimTTL)
	if err := mine.renew(t.Context()); !errors.Is(err, errClaimLost) {
		t.Errorf("a claim that ended: %v", err)
	}
}

// A job that is stopped while it claims leaves no claim behind that others would
// wait for.
func TestAStoppedAcquireLeavesNoClaim(t *testing.T) {
	srv := eventstest.Start(t)
	c := &claims{openBucket(t, srv, events.KVClaims)}
	gone := errors.New("cancelled")
	for i := range 200 {
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := time.AfterFunc(rand.N(200*time.Microsecond), func() { cancel(gone) })
		mine, err := c.acquire(ctx, fmt.Sprint("person-", i), "job")
		stop.Stop()
		if err != nil && !errors.Is(err, gone) {
			t.Fatal(err)
		}
		if mine == nil {
			continue
		}
		if err := mine.release(ctx); err != nil {
			t.Fatal(err)
		}
		cancel(nil)
	}
	if n := countClaims(t, srv); n != 0 {
		t.Errorf("%d claims are left", n)
	}
}

// Others would wait for a claim that is left without an answer.
func TestAPausedJobLeavesNoClaimWithoutAnAnswer(t *testing.T) {
	r := newRig(t, 30, sim.Config{}, withHourWindow)
	eventstest.WaitKind(t, r.log, r.addJob(t, makeIDs(100), events.Options{}).ID, events.KindPaused)
	if n, calls := countClaims(t, r.nats), r.sim.Stats().Calls; n != calls {
		t.Errorf("%d claims are left of %d calls that were answered", n, calls)
	}
}

// The claim on a person is released where the answer might not be used any more while
// others still waited for it.
func TestClaimsOfAnswersThatAreSoonStaleAreReleased(t *testing.T) {
	r := newRig(t, 1000, sim.Config{}, func(c *Config) {
		c.Cache.cfg.Registered, c.Cache.cfg.NotRegistered = events.ClaimTTL, events.ClaimTTL
	})
	r.waitVerified(t, r.addJob(t, makeIDs(20), events.Options{}).ID)
	if n := countClaims(t, r.nats); n != 0 {
		t.Errorf("%d claims are left", n)
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
	s := New(Config{Client: client, Quota: quota})
	v := &verification{service: s, queue: s.turns.join("job", "member"), own: s.cfg.Users.join("alice")}
	mine, err := (&claims{openBucket(t, nats, events.KVClaims)}).acquire(t.Context(), "person", "job")
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
