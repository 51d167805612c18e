package stage

import (
	"math"
	"time"

	"rollcall.example/events"
)

const (
	// smallRows is the most rows that a small job has. A stage needs a fraction
	// of a second for them.
	smallRows = 2000
	// smallLane is how many small jobs may run beside the others.
	smallLane = 2
	// minRowSize is the least that a row of a spreadsheet takes, in bytes:
	// compressed and without its strings.
	minRowSize = 50
)

// lanes limit how many jobs a runner works on at once. Small jobs have some
// places of their own, so that they do not wait for big ones.
type lanes struct{ all, small chan struct{} }

func newLanes(workers int) lanes {
	return lanes{all: make(chan struct{}, workers), small: make(chan struct{}, smallLane)}
}

// fetchers returns how many goroutines fetch messages: one more than there are
// places. When big jobs hold all places, that one still finds the small jobs.
func (l lanes) fetchers() int { return cap(l.all) + cap(l.small) + 1 }

// acquire takes a place for a job of so many rows. Ok is false when no place is
// free. The caller calls leave when the job is done.
func (l lanes) acquire(rows int) (leave func(), ok bool) {
	select {
	case l.all <- struct{}{}:
		return func() { <-l.all }, true
	default:
	}
	if rows > smallRows {
		return nil, false
	}
	select {
	case l.small <- struct{}{}:
		return func() { <-l.small }, true
	default:
		return nil, false
	}
}

// estimateRows returns about how many rows a stage has to work on after the
// fact f.
func estimateRows(f events.Fact) int {
	switch f := f.(type) {
	case *events.Uploaded:
		return int(min(f.File.Size/minRowSize, math.MaxInt32))
	case *events.Validated:
		return f.Stats.ValidRecords
	case *events.Verified:
		return f.Stats.Total
	case *events.Persisted:
		return f.Stats.Total
	}
	return math.MaxInt32 // retried does not say
}

// laneWait returns how long to put a message back when no place is free: an
// eighth of the time since it was stored, at least 50 ms and at most 3 s. So a
// free worker finds it soon, and a long queue does not circle all the time.
func laneWait(since time.Time) time.Duration {
	return min(max(time.Since(since)/8, 50*time.Millisecond), 3*time.Second)
}
