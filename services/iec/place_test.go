package iec

import (
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

// A job that pauses several times goes on where it stood each time, and looks all rows up
// once, at its end. Nobody is asked twice, and all are counted once.
func TestAPausedJobGoesOnWhereItStood(t *testing.T) {
	var seen atomic.Int64
	people := makeIDs(2000)
	const unknown = 400 // every fifth
	r := newRig(t, 130, sim.Config{}, func(c *Config) {
		for i, id := range people {
			if i%5 == 0 {
				continue
			}
			p := sim.PersonOf(id)
			v := records.Verdict{Status: p.Status, At: time.Now()}
			if p.Place != nil {
				v.Ward, v.VD, v.Province = p.Place.Ward, p.Place.VD, p.Place.Province
			}
			if err := c.Cache.Put(t.Context(), id, v); err != nil {
				t.Fatal(err)
			}
		}
		c.Observe = func(records.VerdictStatus, bool) { seen.Add(1) }
	})
	job := r.addJob(t, people, events.Options{})
	done := eventstest.WaitKind(t, r.log, job.ID, events.KindVerified)
	r.checkVerdicts(t, done, people)
	list, err := r.log.Replay(t.Context(), job.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	pauses, before := 0, 0
	for _, e := range list {
		if p, ok := e.Fact.(*events.Paused); ok {
			if pauses++; p.Processed < before {
				t.Errorf("paused at %d, after %d", p.Processed, before)
			}
			before = p.Processed
		}
	}
	stats := done.Verified.Stats
	if s := r.sim.Stats(); pauses < 3 || s.Calls != unknown || s.MaxCalls != 1 {
		t.Errorf("%d pauses, simulator %+v", pauses, s)
	}
	if stats.Calls+stats.Cached != len(people) || stats.Calls == 0 {
		t.Errorf("the last round: %+v", stats)
	}
	// All rows until they were asked, and once more those before the last pause.
	if n := int(seen.Load()); n > 2*len(people) {
		t.Errorf("%d rows were looked at for %d", n, len(people))
	}
}
