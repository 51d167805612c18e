package gateway

import (
	"testing"
	"time"

	"rollcall.example/events"
)

// What is kept must have no hole: a fact that does not follow the last one, as its guard says,
// or that changes those before it, has the history read anew.
func TestHistoryIsExtendedByTheNextFactOnly(t *testing.T) {
	alice := events.User{ID: "alice"}
	up := &events.Uploaded{Owner: alice}
	up.JobID = events.NewJobID()
	event := func(seq uint64, fact events.Fact) events.Event {
		return events.Event{JobID: up.JobID, Owner: "alice", Kind: fact.FactKind(), Seq: seq, At: time.Now(), Fact: fact}
	}
	cancelled := event(20, &events.Cancelled{Stage: events.StageValidation, By: alice})
	for name, tt := range map[string]struct {
		e       events.Event
		follows uint64
		extends bool
		facts   int
	}{
		"the next":         {cancelled, 10, true, 2},
		"one is missing":   {cancelled, 15, false, 1},
		"without a guard":  {cancelled, 0, false, 1},
		"had it already":   {event(10, up), 0, true, 1},
		"not allowed":      {event(20, &events.Approved{}), 10, false, 1},
		"changes the past": {event(20, &events.Erased{}), 10, false, 1},
	} {
		r := &entry{}
		if !r.extend(event(10, up), 0) {
			t.Fatal("not begun")
		}
		if extends := r.extend(tt.e, tt.follows); extends != tt.extends || len(r.facts) != tt.facts {
			t.Errorf("%s: extends %t, %d facts", name, extends, len(r.facts))
		}
	}
}

// Histories that nobody has asked for in a while are dropped, and those beyond the limit.
func TestHistoriesAreNotKeptForEver(t *testing.T) {
	h := &histories{entries: map[string]*entry{}}
	keep := func(id string, facts int, asked time.Time) {
		r := &entry{done: make(chan struct{}), asked: asked}
		r.facts = make([]frame, facts)
		h.entries[id] = r
		h.finish(id, r)
	}
	now := time.Now()
	keep("old", 2, now.Add(-2*keepTime))
	keep("new", 3, now)
	h.add(events.Event{JobID: "another"}, 0)
	if h.entries["old"] != nil || h.entries["new"] == nil || h.kept != 3 {
		t.Errorf("kept %d facts of %d", h.kept, len(h.entries))
	}
	keep("large", maxKept, now)
	if h.entries["large"] == nil || h.kept != maxKept {
		t.Errorf("kept %d facts of %d", h.kept, len(h.entries))
	}
}
