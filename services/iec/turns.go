package iec

import (
	"context"
	"fmt"
	"sync"
)

// weights says how many calls the jobs of a role get while those of another get
// one. Roles that are not listed have the weight of a member.
var weights = map[string]float64{
	"super_admin": 5, "national_admin": 4, "province_admin": 3, "municipality_admin": 2, "member": 1,
}

// turns deals out the calls that a process may have under way at once among its
// jobs. Jobs that wait get them in turn, by the weight of their uploader's role:
// the next call goes to the job that has had least for its weight. A job that
// comes later is not paid for the time in which it was not there.
type turns struct {
	mu    sync.Mutex
	free  int
	lines map[string]*line
	now   float64 // the share at which the last call was dealt
}

// line is where the calls of one job wait.
type line struct {
	turns   *turns
	job     string
	weight  float64
	share   float64 // calls so far, by weight
	waiting []chan struct{}
	members int // who has joined and not left
}

func newTurns(n int) *turns { return &turns{free: n, lines: make(map[string]*line)} }

// join lines a job up. Whoever joins leaves.
func (t *turns) join(job, role string) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[job]
	if l == nil {
		weight := weights[role]
		if weight == 0 {
			weight = weights["member"]
		}
		l = &line{turns: t, job: job, weight: weight}
		t.lines[job] = l
	}
	l.members++
	return l
}

func (l *line) leave() {
	l.turns.mu.Lock()
	defer l.turns.mu.Unlock()
	if l.members--; l.members == 0 {
		delete(l.turns.lines, l.job)
	}
}

// take waits for the job's next turn. Each take without an error is followed by
// a give.
func (l *line) take(ctx context.Context) error {
	t := l.turns
	t.mu.Lock()
	if err := ctx.Err(); err != nil {
		t.mu.Unlock()
		return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
	}
	if len(l.waiting) == 0 {
		l.share = max(l.share, t.now)
	}
	if t.free > 0 {
		t.free--
		t.deal(l)
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	l.waiting = append(l.waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range l.waiting {
		if other == mine {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
		}
	}
	return nil // it came at the same moment
}

// give ends a turn: the next one who waits has it.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next *line
	for _, l := range t.lines {
		if len(l.waiting) > 0 && (next == nil || l.share < next.share || l.share == next.share && l.job < next.job) {
			next = l
		}
	}
	if next == nil {
		t.free++
		return
	}
	mine := next.waiting[0]
	next.waiting = next.waiting[1:]
	t.deal(next)
	close(mine)
}

func (t *turns) deal(l *line) {
	t.now = max(t.now, l.share)
	l.share += 1 / l.weight
}
