package iec

import (
	"context"
	"fmt"
	"sync"
)

// weights are how many calls the jobs of a role get while those of a role of weight
// 1 get one. Other roles have the weight of a member.
var weights = map[string]float64{
	"super_admin": 5, "national_admin": 4, "province_admin": 3, "municipality_admin": 2, "member": 1,
}

// turns share the calls that a process may have in progress among its jobs. The
// next call goes to the waiting job that has had fewest for the weight of its
// uploader's role. A job that comes later gets nothing for the time before.
type turns struct {
	mu     sync.Mutex
	free   int
	queues map[string]*jobQueue
	share  float64 // the share of the job that got the last call
}

// jobQueue is where the calls of one job wait.
type jobQueue struct {
	turns   *turns
	job     string
	weight  float64
	share   float64 // calls so far, divided by weight
	waiting []chan struct{}
	workers int // how many have joined and not left
}

func newTurns(n int) *turns { return &turns{free: n, queues: make(map[string]*jobQueue)} }

// join returns the queue of a job. Each join is followed by a leave.
func (t *turns) join(job, role string) *jobQueue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[job]
	if q == nil {
		weight := weights[role]
		if weight == 0 {
			weight = weights["member"]
		}
		q = &jobQueue{turns: t, job: job, weight: weight}
		t.queues[job] = q
	}
	q.workers++
	return q
}

// leave ends a join. The last one removes the queue.
func (q *jobQueue) leave() {
	q.turns.mu.Lock()
	defer q.turns.mu.Unlock()
	if q.workers--; q.workers == 0 {
		delete(q.turns.queues, q.job)
	}
}

// acquire waits for the job's next turn. Each acquire without an error is followed
// by a release.
func (q *jobQueue) acquire(ctx context.Context) error {
	t := q.turns
	t.mu.Lock()
	if err := ctx.Err(); err != nil {
		t.mu.Unlock()
		return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
	}
	if len(q.waiting) == 0 {
		q.share = max(q.share, t.share)
	}
	if t.free > 0 {
		t.free--
		t.charge(q)
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	q.waiting = append(q.waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range q.waiting {
		if other == mine {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return fmt.Errorf("wait for a turn: %w", context.Cause(ctx))
		}
	}
	return nil // the turn came at the same moment
}

// release ends a turn and gives it to the next job that waits.
func (t *turns) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next *jobQueue
	for _, q := range t.queues {
		if len(q.waiting) > 0 && (next == nil || q.share < next.share || q.share == next.share && q.job < next.job) {
			next = q
		}
	}
	if next == nil {
		t.free++
		return
	}
	mine := next.waiting[0]
	next.waiting = next.waiting[1:]
	t.charge(next)
	close(mine)
}

// charge counts a call for a job.
func (t *turns) charge(q *jobQueue) {
	t.share = max(t.share, q.share)
	q.share += 1 / q.weight
}
