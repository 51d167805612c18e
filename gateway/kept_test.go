package gateway

import (
	"errors"
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

// A job goes on while its history is read. Then the history has what came meanwhile, or it is
// read again: whoever joined the job's room meanwhile gets it from there only.
func TestFactsThatComeWhileAHistoryIsReadAreInIt(t *testing.T) {
	alice := events.User{ID: "alice"}
	up := &events.Uploaded{Owner: alice}
	up.JobID = events.NewJobID()
	event := func(seq uint64, fact events.Fact) events.Event {
		return events.Event{JobID: up.JobID, Owner: "alice", Kind: fact.FactKind(), Seq: seq, At: time.Now(), Fact: fact}
	}
	first := event(10, up)
	cancelled := event(20, &events.Cancelled{Stage: events.StageValidation, By: alice})
	retried := event(30, &events.Retried{Stage: events.StageValidation, By: alice})
	for name, tt := range map[string]struct {
		read  []events.Event // by the time that the reading ends
		late  []liveFact
		facts int
		again bool
	}{
		"after what was read":    {[]events.Event{first}, []liveFact{{cancelled, 10}, {retried, 20}}, 3, false},
		"read as well":           {[]events.Event{first, cancelled}, []liveFact{{cancelled, 10}, {retried, 20}}, 3, false},
		"the first of the job":   {nil, []liveFact{{first, 0}, {cancelled, 10}}, 2, false},
		"one is missing between": {[]events.Event{first}, []liveFact{{retried, 20}}, 0, true},
	} {
		h := &histories{entries: map[string]*entry{}, ready: func() error { return errTest }}
		r := &entry{done: make(chan struct{}), asked: time.Now()}
		h.entries[up.JobID] = r
		for _, f := range tt.late {
			h.add(f.Event, f.follows)
		}
		for _, e := range tt.read {
			if !r.extend(e, r.readTo) {
				t.Fatal("cannot be read")
			}
		}
		h.finish(up.JobID, r)
		found, err := h.get(t.Context(), up.JobID, 0)
		if again := errors.Is(err, errTest); again != tt.again || err != nil && !again || len(found.facts) != tt.facts {
			t.Errorf("%s: %d facts, %v", name, len(found.facts), err)
		}
		if h.kept != tt.facts {
			t.Errorf("%s: kept %d facts", name, h.kept)
		}
	}
}

// Whoever waited for a history that turns out to have a hole has it read again.
func TestAHistoryWithAHoleIsReadAgain(t *testing.T) {
	const job = "job"
	asked := make(chan struct{}, 1)
	h := &histories{entries: map[string]*entry{}, ready: func() error { signal(asked); return errTest }}
	r := &entry{done: make(chan struct{})}
	h.entries[job] = r
	got := make(chan error, 1)
	go func() { _, err := h.get(t.Context(), job, 0); got <- err }()
	h.add(events.Event{JobID: job, Seq: 30}, 20)
	h.finish(job, r)
	if err := <-got; !errors.Is(err, errTest) {
		t.Errorf("the history was taken for whole: %v", err)
	}
	<-asked
}

var errTest = errors.New("not ready")
