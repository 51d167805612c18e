package stage

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
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

const (
	// longestLine is how many jobs of a class may wait in a process, and shortestLine how
	// many may in any case. The others are put back.
	longestLine, shortestLine = 256, 16
	// longestHold is how long a job waits in a process. Then another process may take it.
	longestHold = 5 * time.Second
	// longestWait is how long a job is put back for when the line is full.
	longestWait = 3 * time.Second
)

// class says which places a job may have.
type class int

const (
	big class = iota
	small
	classes
)

// lanes limit how many jobs a runner works on at once. Small jobs have some
// places of their own, so that they do not wait for big ones. Within a class, who came
// first is served first: a server hands out what was put back in any order, so those
// that came first wait here.
type lanes struct {
	mu     sync.Mutex
	free   int // places for all
	only   int // places for small jobs only
	line   [classes][]*waiting
	starts [classes][]time.Time // within twice longestWait
	places int                  // in all
}

// waiting is a job that waits for a place.
type waiting struct {
	seq  uint64 // of its message: who has the lower one came first
	told chan bool
	// leave is set before told says true.
	leave func()
}

func newLanes(workers int) *lanes {
	return &lanes{free: workers, only: smallLane, places: workers + smallLane}
}

// fetchers returns how many goroutines fetch messages: one more than there are
// places.
func (l *lanes) fetchers() int { return l.places + 1 }

// parallel returns how many messages each of them may have in the runner, so that there
// is room for all places and lines, and for one more that finds them full.
func (l *lanes) parallel() int { return (l.places+int(classes)*longestLine)/l.fetchers() + 1 }

// entry says what became of a job that asked for a place.
type entry int

const (
	entered entry = iota
	putBack       // it has waited for long enough
	full          // others came first, and there is no room to wait
)

// enter takes a place for a job of so many rows. It waits for its turn, until stopping
// ends or hold is over. The caller calls leave when the job is done.
func (l *lanes) enter(stopping context.Context, seq uint64, rows int, hold time.Duration) (leave func(), result entry) {
	c := big
	if rows <= smallRows {
		c = small
	}
	w := &waiting{seq: seq, told: make(chan bool, 1)}
	l.mu.Lock()
	at, _ := slices.BinarySearchFunc(l.line[c], w, func(a, b *waiting) int { return cmp.Compare(a.seq, b.seq) })
	l.line[c] = slices.Insert(l.line[c], at, w)
	l.fill()
	if line := l.line[c]; len(line) > l.longest(c) {
		last := line[len(line)-1]
		l.line[c] = line[:len(line)-1]
		last.told <- false
	}
	l.mu.Unlock()

	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case ok := <-w.told:
		return w.answer(ok)
	case <-timer.C:
	case <-stopping.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := slices.Index(l.line[c], w); at >= 0 {
		l.line[c] = slices.Delete(l.line[c], at, at+1)
		return nil, putBack
	}
	return w.answer(<-w.told) // it was told at the same moment
}

func (w *waiting) answer(ok bool) (leave func(), result entry) {
	if !ok {
		return nil, full
	}
	return w.leave, entered
}

// idle returns how many places nobody holds or waits for.
func (l *lanes) idle() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.free+l.only-len(l.line[big])-len(l.line[small]), 0)
}

// fill gives free places to those who wait. The caller holds mu.
func (l *lanes) fill() {
	for l.free > 0 {
		c := big
		if len(l.line[big]) == 0 || len(l.line[small]) > 0 && l.line[small][0].seq < l.line[big][0].seq {
			c = small
		}
		if len(l.line[c]) == 0 {
			return
		}
		l.give(c, &l.free)
	}
	for l.only > 0 && len(l.line[small]) > 0 {
		l.give(small, &l.only)
	}
}

// give gives a place to the first of a class. The caller holds mu.
func (l *lanes) give(c class, places *int) {
	first := l.line[c][0]
	l.line[c] = l.line[c][1:]
	*places--
	first.leave = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		*places++
		l.fill()
	}
	l.starts[c] = append(l.starts[c], time.Now())
	first.told <- true
}

// longest returns how many jobs of a class may wait here now: about those that get their
// turn before one that was put back comes again. Whoever has slow jobs leaves them to
// other processes. The caller holds mu.
func (l *lanes) longest(c class) int {
	old := time.Now().Add(-2 * longestWait)
	l.starts[c] = slices.DeleteFunc(l.starts[c], func(at time.Time) bool { return at.Before(old) })
	return min(max(2*len(l.starts[c]), shortestLine), longestLine)
}

// estimateRows returns about how many rows a stage has to work on after the
// fact f.
func estimateRows(f events.Fact) int {
	switch f := f.(type) {
	case *events.Uploaded:
		return int(min(f.File.Size/minRowSize, math.MaxInt32))
	case *events.Validated:
		return f.Stats.ValidRecords
	case *events.Resumed:
		return f.Total
	case *events.Verified:
		return f.Stats.Total
	case *events.Persisted:
		return f.Stats.Total
	}
	return math.MaxInt32 // retried does not say
}

// laneWait returns how long to put a message back when the line is full: an eighth of
// the time since it was stored, at least a quarter of a second and at most longestWait.
// So a free worker finds it soon, and a long queue does not circle all the time.
func laneWait(since time.Time) time.Duration {
	return min(max(time.Since(since)/8, 250*time.Millisecond), longestWait)
}
