package events_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func TestTheClockOfNATSIsReadFromAStreamAndFromABucket(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "iec")
	kv, err := js.KeyValue(t.Context(), events.KVQuota)
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]events.AskTime{
		"stream": events.StreamTime(js, events.StreamFacts), "bucket": events.BucketTime(kv),
	} {
		right, err := events.ReadClock(t.Context(), ask, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if right.Wrong() || right.Ahead().Abs() > right.Within+50*time.Millisecond {
			t.Errorf("%s: a right clock is %s ahead, within %s", name, right.Ahead(), right.Within)
		}
		for _, skew := range []time.Duration{40 * time.Minute, -40 * time.Minute} {
			r, err := events.ReadClock(t.Context(), ask, func() time.Time { return time.Now().Add(skew) })
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if off := r.Ahead() - skew; !r.Wrong() || off.Abs() > r.Within+50*time.Millisecond {
				t.Errorf("%s: a clock that is off by %s is read as %s, within %s", name, skew, r.Ahead(), r.Within)
			}
		}
	}
}

func TestClocksThatDifferTellTheSameTime(t *testing.T) {
	srv := eventstest.Start(t)
	ask := events.StreamTime(eventstest.Connect(t, srv, "iec"), events.StreamFacts)
	right := events.NewClock(ask, nil)
	wrong := events.NewClock(ask, func() time.Time { return time.Now().Add(40 * time.Minute) })
	for _, c := range []*events.Clock{right, wrong} {
		if err := c.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d := wrong.Now().Sub(right.Now()); d.Abs() > time.Second {
		t.Errorf("the clocks differ by %s", d)
	}
	if r := wrong.Reading(); !r.Wrong() || r.Ahead() < 39*time.Minute {
		t.Errorf("the wrong clock is read as %s ahead", r.Ahead())
	}
}

func TestAClockThatWasReadOnceGoesOnWithoutNATS(t *testing.T) {
	down := errors.New("down")
	var fault error = down
	c := events.NewClock(func(context.Context) (time.Time, error) {
		return time.Now().Add(-time.Hour), fault
	}, nil)
	if err := c.Sync(t.Context()); !errors.Is(err, down) {
		t.Errorf("first question: %v", err)
	}
	fault = nil
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	fault = down
	if err := c.Sync(t.Context()); err != nil {
		t.Errorf("a later question: %v", err)
	}
	if off := time.Since(c.Now()) - time.Hour; off.Abs() > time.Second {
		t.Errorf("off by %s", off)
	}
}
