package stage

import (
	"math"
	"time"

	"rollcall.example/events"
)

const (
	// smallRows is how many rows a small job has at most: a stage is done with
	// them in a fraction of a second.
	smallRows = 2000
	// smallLane is how many small jobs are worked on beside the others.
	smallLane = 2
	// fileRow is what a row of a spreadsheet takes at least, in bytes, compressed
	// and without its strings.
	fileRow = 50
)

// lanes are a runner's places to work at. Small jobs have some that big ones may
// not take: fifty rows do not wait until a hundred thousand are done.
type lanes struct{ all, small chan struct{} }

func newLanes(workers int) lanes {
	return lanes{all: make(chan struct{}, workers), small: make(chan struct{}, smallLane)}
}

// fetchers is one more than there are places, so that there is always somebody
// who finds the small job behind the big ones.
func (l lanes) fetchers() int { return cap(l.all) + cap(l.small) + 1 }

// enter takes a place for work on so many rows, until leave is called; ok is
// false when none is free.
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

// rowsOf is how many rows, about, the stage that a fact sets to work has before it.
func estimateRows(f events.Fact) int {
	switch f := f.(type) {
	case *events.Uploaded:
		return int(min(f.File.Size/fileRow, math.MaxInt32))
	case *events.Validated:
		return f.Stats.ValidRecords
	case *events.Verified:
		return f.Stats.Total
	case *events.Persisted:
		return f.Stats.Total
	}
	return math.MaxInt32 // a retry does not say
}

// laneWait is how long a message is parked for which there is no place: an eighth
// of the time that it has waited for already, so that neither an idle worker
// waits long for it nor a long queue is handed round all the time.
func laneWait(since time.Time) time.Duration {
	return min(max(time.Since(since)/8, 50*time.Millisecond), 3*time.Second)
}
