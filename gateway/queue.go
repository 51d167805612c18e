package gateway

import (
	"context"
	"slices"
	"sync"
)

// queue is what waits for one client: answers and facts in order, and the
// newest progress of each job. Only the facts are bounded by a limit; there is
// at most one progress for each job followed.
type queue struct {
	mu       sync.Mutex
	limit    int
	kind     int // of the dialect
	texts    [][]byte
	progress []frame
	full     bool   // a fact found no room; nothing more is taken
	write    func() // begins to take, until nothing is left
	writing  bool
	room     chan struct{} // one, when something was taken out
	sums     *counts
}

func newQueue(limit, kind int, sums *counts, write func()) *queue {
	return &queue{limit: limit, kind: kind, sums: sums, write: write, room: make(chan struct{}, 1)}
}

// wake is called with the lock held when there is something to take.
func (q *queue) wake() {
	if !q.writing {
		q.writing = true
		q.write()
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds a frame that must arrive, and reports whether there was room. A fact
// makes the progress of its job that still waits outdated.
func (q *queue) put(f frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full || len(q.texts) >= q.limit {
		return false
	}
	if n := len(q.progress); n > 0 {
		q.progress = slices.DeleteFunc(q.progress, func(p frame) bool { return p.jobID == f.jobID })
		q.sums.conflated.Add(uint64(n - len(q.progress)))
	}
	q.texts = append(q.texts, f.texts[q.kind])
	q.wake()
	return true
}

// answer adds what only this client gets, and reports whether there was room.
func (q *queue) answer(text []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full || len(q.texts) >= q.limit {
		return false
	}
	q.texts = append(q.texts, text)
	q.wake()
	return true
}

// overflow gives the client up: what it has not got it must ask for again.
func (q *queue) overflow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.full = true
	q.wake()
}

// show replaces the progress of a job that still waits.
func (q *queue) show(f frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.IndexFunc(q.progress, func(p frame) bool { return p.jobID == f.jobID }); i >= 0 {
		q.progress[i] = f
		q.sums.conflated.Add(1)
	} else {
		q.progress = append(q.progress, f)
	}
	q.wake()
}

// take returns what is to be sent next, nil for nothing, after which write is
// called when there is more; ok is false when the client has been given up.
func (q *queue) take() (text []byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.texts) > 0:
		text, q.texts[0] = q.texts[0], nil
		if q.texts = q.texts[1:]; len(q.texts) == 0 {
			q.texts = nil // most clients have nothing waiting most of the time
		}
		signal(q.room)
	case q.full:
		return nil, false
	case len(q.progress) > 0:
		text = q.progress[0].texts[q.kind]
		if q.progress = q.progress[1:]; len(q.progress) == 0 {
			q.progress = nil
		}
	default:
		q.writing = false
	}
	return text, true
}

// putOld adds a frame of a history. It waits until the queue is less than half
// full, so that the frames that come live meanwhile find room, and returns
// false when ctx ends first.
func (q *queue) putOld(ctx context.Context, f frame) bool {
	for {
		q.mu.Lock()
		room := len(q.texts) < max(q.limit/2, 1)
		q.mu.Unlock()
		if room && q.put(f) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-q.room:
		}
	}
}
