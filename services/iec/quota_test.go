package iec

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func openBucket(t testing.TB, srv *embedded.Server, name string) jetstream.KeyValue {
	t.Helper()
	kv, err := eventstest.Connect(t, srv, "iec").KeyValue(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func newQuota(t *testing.T, kv jetstream.KeyValue, limit int, c *clock) *Quota {
	t.Helper()
	q, err := NewQuota(kv, QuotaConfig{Limit: limit, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// Three replicas call as fast as they may for six accelerated hours: no rolling
// hour holds more calls than the limit, and few are left unused.
func TestNoRollingHourHoldsMoreThanTheLimit(t *testing.T) {
	t.Parallel() // it waits for the most part
	srv := eventstest.Start(t)
	c := newClock()
	const limit = 400 // a block of them is reserved for small jobs
	var replicas []*Quota
	for range 3 {
		replicas = append(replicas, newQuota(t, openBucket(t, srv, events.KVQuota), limit, c))
	}
	if replicas[0].reservedForSmall() == 0 {
		t.Fatal("nothing is kept for small jobs")
	}
	var calls []time.Time
	start := c.now()
	for c.now().Sub(start) < 6*time.Hour {
		for range rand.IntN(200) {
			q := replicas[rand.IntN(len(replicas))]
			err := q.Acquire(t.Context(), rand.IntN(4) == 0)
			var spent *SpentError
			if errors.As(err, &spent) {
				if !spent.Quota.ResetAt.After(c.now()) || spent.Quota.ResetAt.Sub(c.now()) > 62*time.Minute {
					t.Fatalf("reset at %s, now %s", spent.Quota.ResetAt, c.now())
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, c.now())
		}
		c.add(rand.N(10 * time.Minute))
	}
	first := 0
	for i, at := range calls {
		for at.Sub(calls[first]) >= time.Hour {
			first++
		}
		if n := i - first + 1; n > limit {
			t.Fatalf("%d calls in the hour before %s", n, at)
		}
	}
	if len(calls) < 5*limit*8/10 {
		t.Fatalf("only %d calls in six hours of %d each", len(calls), limit)
	}
}

func TestReplicasTogetherGetTheWholeLimit(t *testing.T) {
	srv := eventstest.Start(t)
	c := newClock()
	var wg sync.WaitGroup
	got := make([]int, 3)
	for i := range got {
		q := newQuota(t, openBucket(t, srv, events.KVQuota), 250, c)
		wg.Go(func() {
			for q.Acquire(t.Context(), false) == nil {
				got[i]++
			}
			if err := q.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if sum := got[0] + got[1] + got[2]; sum != 250 {
		t.Fatalf("%v allowed, want 250 in all", got)
	}
}

func TestTheLastCallsAreKeptForSmallJobs(t *testing.T) {
	srv := eventstest.Start(t)
	c := newClock()
	q := newQuota(t, openBucket(t, srv, events.KVQuota), 10_000, c)
	other := newQuota(t, openBucket(t, srv, events.KVQuota), 10_000, c)
	for rows, small := range map[int]bool{0: true, 50: true, 125: true, 126: false, 50_000: false} {
		if q.IsSmallJob(rows) != small {
			t.Errorf("%d rows are small: %v", rows, !small)
		}
	}
	spend := func(q *Quota, small bool) (calls int) {
		for {
			err := q.Acquire(t.Context(), small)
			var spent *SpentError
			if errors.As(err, &spent) {
				if err := q.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
				return calls
			}
			if err != nil {
				t.Fatal(err)
			}
			calls++
		}
	}
	if n := spend(q, false); n != 9_500 {
		t.Errorf("big jobs got %d", n)
	}
	if st := q.LastState(); st.Used != 9_500 || st.Limit != 10_000 || !st.ResetAt.After(c.now()) {
		t.Errorf("spent at %+v", st)
	}
	if n := spend(other, true); n != 500 {
		t.Errorf("small jobs got %d", n)
	}
	if n := spend(q, false) + spend(q, true); n != 0 {
		t.Errorf("%d calls too many", n)
	}
	c.add(62 * time.Minute)
	if n := spend(q, true); n != 10_000 {
		t.Errorf("a small job alone got %d", n)
	}
}

// A block that was in hand for longer than the window no longer counts: returning
// it must not make room for more calls.
func TestABlockOlderThanTheWindowIsNotGivenBack(t *testing.T) {
	srv := eventstest.Start(t)
	c := newClock()
	q := newQuota(t, openBucket(t, srv, events.KVQuota), 100, c)
	if err := q.Acquire(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	c.add(2 * time.Hour)
	calls := 0
	for q.Acquire(t.Context(), false) == nil {
		calls++
	}
	if calls != 100 {
		t.Errorf("%d calls in the hour after", calls)
	}
}

func TestUnusedCallsAreGivenBack(t *testing.T) {
	srv := eventstest.Start(t)
	c := newClock()
	q := newQuota(t, openBucket(t, srv, events.KVQuota), 100, c)
	if err := q.Acquire(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if st, err := q.State(t.Context()); err != nil || st.Used != 20 {
		t.Fatalf("in hand: %+v, %v", st, err)
	}
	if err := q.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err := q.State(t.Context()); err != nil || st.Used != 1 || st.Limit != 100 || st.ResetAt.IsZero() {
		t.Fatalf("given back: %+v, %v", st, err)
	}
	// What is left of a block when its slot ends is returned as well.
	if err := q.Acquire(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	c.add(5 * time.Minute)
	if err := q.Acquire(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if st, err := q.State(t.Context()); err != nil || st.Used != 2+20 {
		t.Fatalf("after the slot: %+v, %v", st, err)
	}
}
