package gateway

import (
	"context"
	"slices"
	"sync"
)

// mark names the job of a fact or of progress; the zero mark is that of a reply.
type mark struct {
	jobID string
	seq   uint64 // of a fact
}

// outgoing is a message that has its turn. Progress has its mark in each dialect, all else
// where the dialect needs it.
type outgoing struct {
	text []byte
	mark
	follows bool // another one has its turn next
}

// queue is what waits for one client: replies and facts in order, and the newest
// progress of each job. The limit bounds replies and facts; progress needs none, for
// there is at most one for each job followed.
type queue struct {
	mu           sync.Mutex
	limit        int
	dialect      int      // the index into encodings
	ordered      [][]byte // replies and facts
	marks        []mark   // of ordered, in the dialect that needs them; else nil
	progress     []frame
	full         bool   // the client is given up; nothing more is added
	startWriting func() // starts to call next until nothing is left
	whenFull     func() // called when the client is given up; may be nil
	writing      bool
	freed        chan struct{} // gets one when something has been taken out
	counters     *counters
}

func newQueue(limit, dialect int, c *counters, startWriting func()) *queue {
	return &queue{limit: limit, dialect: dialect, counters: c,
		startWriting: startWriting, freed: make(chan struct{}, 1)}
}

// wake starts the writing. It is called with the lock held when something was added.
func (q *queue) wake() {
	if !q.writing {
		q.writing = true
		q.startWriting()
	}
}

// signal sends to a channel of one, unless it is full.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// putFact adds a frame that must arrive, and reports whether there was room. The fact
// outdates progress of its job that still waits.
func (q *queue) putFact(f frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full || len(q.ordered) >= q.limit {
		return false
	}
	if n := len(q.progress); n > 0 {
		q.progress = slices.DeleteFunc(q.progress, func(p frame) bool { return p.jobID == f.jobID })
		q.counters.conflated.Add(uint64(n - len(q.progress)))
	}
	q.push(f.encodings[q.dialect], mark{f.jobID, f.seq})
	return true
}

// push adds a message. It is called with the lock held.
func (q *queue) push(text []byte, m mark) {
	q.ordered = append(q.ordered, text)
	if q.dialect == socketIO {
		q.marks = append(q.marks, m)
	}
	q.wake()
}

// putReply adds what only this client gets, and reports whether there was room.
func (q *queue) putReply(text []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full || len(q.ordered) >= q.limit {
		return false
	}
	q.push(text, mark{})
	return true
}

// giveUp ends the queue of a client that is too slow. It must ask again for what it has
// not got.
func (q *queue) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.full = true
	q.wake()
	if q.whenFull != nil {
		q.whenFull()
	}
}

// restart starts the writing anew after change: whoever took things out of the queue
// before does so no longer.
func (q *queue) restart(change func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change()
	q.writing = true
	q.startWriting()
}

// putProgress adds progress, in place of older progress of its job.
func (q *queue) putProgress(f frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.IndexFunc(q.progress, func(p frame) bool { return p.jobID == f.jobID }); i >= 0 {
		q.progress[i] = f
		q.counters.conflated.Add(1)
	} else {
		q.progress = append(q.progress, f)
	}
	q.wake()
}

// next takes out what is to be sent next. It has no text when nothing waits; writing
// starts again when something does. Not ok means that the client has been given up.
func (q *queue) next() (o outgoing, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.ordered) > 0:
		o.text, q.ordered[0] = q.ordered[0], nil
		if len(q.marks) > 0 {
			o.mark, q.marks = q.marks[0], q.marks[1:]
		}
		q.ordered = q.ordered[1:]
		if o.follows = len(q.ordered) > 0; !o.follows {
			q.ordered, q.marks = nil, nil // for most clients nothing waits most of the time
		}
		signal(q.freed)
	case q.full:
		return o, false
	case len(q.progress) > 0:
		o.text, o.mark = q.progress[0].encodings[q.dialect], mark{jobID: q.progress[0].jobID}
		if q.progress = q.progress[1:]; len(q.progress) == 0 {
			q.progress = nil
		}
	default:
		q.writing = false
	}
	return o, true
}

// putHistory adds a frame of a history. It waits until the queue is less than half full,
// so that live frames find room too, and returns false when ctx ends first.
func (q *queue) putHistory(ctx context.Context, f frame) bool {
	for {
		q.mu.Lock()
		room := len(q.ordered) < max(q.limit/2, 1)
		q.mu.Unlock()
		if room && q.putFact(f) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-q.freed:
		}
	}
}
