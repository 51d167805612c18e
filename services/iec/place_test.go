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

// A job that pauses several times goes on where it stood each time, and looks the rows
// before that up once, at its end. Nobody is asked twice, and all are counted once.
func TestAPausedJobGoesOnWhereItStood(t *testing.T) {
	people := makeIDs(2000)
	const unknown, outages = 1000, 3 // every second person
	var seen, begun atomic.Int64
	r := newStage(t, sim.Config{})
	r.addReplica(t, 10_000, func(c *Config) {
		for i, id := range people {
			if i%2 == 0 {
				continue
			}
			p := sim.PersonOf(id)
			v := records.Verdict{Status: p.Status, At: time.Now()}
			if p.Place != nil {
				v.Ward, v.VD, v.Province = p.Place.Ward, p.Place.VD, p.Place.Province
			}
			if err := c.Answers.Put(t.Context(), id, v); err != nil {
				t.Fatal(err)
			}
		}
		// The IEC goes down when about a third, a half and most of the rows are through.
		c.Observe = func(records.VerdictStatus, bool) {
			seen.Add(1)
			if k := begun.Load(); k < outages && r.sim.Stats().Calls >= 350+250*int(k) {
				if err := r.sim.SetFaults(sim.Faults{Down: true}); err != nil {
					t.Error(err)
				}
				begun.Add(1)
			}
		}
	})
	job := r.addJob(t, people, events.Options{})
	pauses := func() (at []int) {
		list, err := r.log.Replay(t.Context(), job.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if p, ok := e.Fact.(*events.Paused); ok {
				at = append(at, p.Processed)
			}
		}
		return at
	}
	for k := range outages {
		had := len(pauses())
		eventstest.Wait(t, "a pause in an outage", func() bool {
			return int(begun.Load()) == k+1 && len(pauses()) > had
		})
		if err := r.sim.SetFaults(sim.Faults{}); err != nil {
			t.Fatal(err)
		}
	}
	done := eventstest.WaitKind(t, r.log, job.ID, events.KindVerified)
	r.checkVerdicts(t, done, people)
	before := fewRows
	for _, at := range pauses() {
		if at < before {
			t.Errorf("paused at %v", pauses())
		}
		before = at
	}
	if s := r.sim.Stats(); s.Calls != unknown || s.MaxCalls != 1 {
		t.Errorf("simulator %+v", s)
	}
	if s := done.Verified.Stats; s.Calls+s.Cached != len(people) || s.Calls == 0 {
		t.Errorf("the last round: %+v", s)
	}
	// All rows until they were asked about, once more those before the last pause, and some
	// that were in work when the IEC went down.
	if n := int(seen.Load()); n > 5*len(people)/2 {
		t.Errorf("%d rows were looked at for %d", n, len(people))
	}
}
