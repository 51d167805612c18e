package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.example/events"
)

const (
	// historyTimeout bounds the reading of a history. A client with a shorter limit
	// would only ask again when the server is slow.
	historyTimeout = 15 * time.Second
	// maxKept is how many facts the histories have that are kept. One takes a kilobyte.
	maxKept = 100_000
	// keepTime is how long a history is kept that nobody asks for.
	keepTime = time.Minute
)

// history is what a job's log held, ready to be sent.
type history struct {
	job      events.Job // zero when there is none
	facts    []frame
	standing int    // where in facts those begin that tell how the job stands
	progress *frame // the newest, while a stage works; else nil
}

// isRunning reports whether a stage may be working on the job.
func (h *history) isRunning() bool { return h.job.Next() != "" && h.job.Paused == nil }

// histories reads the histories of jobs, and keeps each for a while. New facts are added to
// it. When a gateway is replaced, all its clients come back within seconds, while their jobs
// go on.
type histories struct {
	logs    []*events.Log // each over a connection of its own
	nextLog atomic.Uint64 // counts readings, which take the logs in turn
	readers chan struct{} // one for each reading under way
	ready   func() error

	ctx  context.Context // ends with the gateway
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	entries map[string]*entry
	kept    int       // facts of the entries that have been read
	swept   time.Time // when those were dropped that nobody asks for
}

// entry is a history that is being read or has been.
type entry struct {
	done    chan struct{} // closed once the reading has ended
	atLeast uint64        // the sequence that the reading had to reach, unless the job was deleted
	err     error

	// Guarded by histories.mu.
	late []liveFact // came while the history was being read, which may not have them
	hole bool       // one of them is not in it

	// Guarded by histories.mu once done is closed.
	readTo uint64 // the sequence that the history has reached
	history
	newer *frame    // the newest progress since the reading began
	asked time.Time // when somebody last asked for it
}

// liveFact is a fact that goes out to those who follow its job, with the sequence of the
// one before it.
type liveFact struct {
	events.Event
	follows uint64
}

// maxLate is how many facts of one job may come while its history is read.
const maxLate = 1000

// isRead reports whether the reading has ended.
func (r *entry) isRead() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// extend adds a live fact to what was read, and returns false where another reading is
// needed: the fact does not follow the last one, or changes what facts before it say.
func (r *entry) extend(e events.Event, follows uint64) bool {
	switch {
	case r.err != nil:
		return false
	case e.Seq <= r.readTo:
		return true
	case follows != r.readTo, e.Kind == events.KindErased, e.Kind == events.KindResumed: // progress goes on
		return false
	}
	job := r.job
	if job.Apply(e) != nil {
		return false
	}
	f, err := encodeFact(e, true)
	if err != nil {
		return false
	}
	if e.Kind != events.KindWarned {
		r.standing = len(r.facts)
	}
	r.job, r.readTo, r.facts = job, e.Seq, append(r.facts, f)
	if r.progress != nil && (!r.isRunning() || r.progress.trigger != job.Trigger) {
		r.progress = nil
	}
	return true
}

func newHistories(cfg Config, ready func() error) *histories {
	h := &histories{readers: make(chan struct{}, cfg.Readers), ready: ready, entries: map[string]*entry{}}
	for _, js := range cfg.History {
		h.logs = append(h.logs, events.NewLog(js, "gateway", cfg.Logger))
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// close cancels all readings and waits for their end.
func (h *histories) close() {
	h.stop()
	h.wg.Wait()
}

// forget drops all histories.
func (h *histories) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.entries)
	h.kept = 0
}

// drop drops the history of a job.
func (h *histories) drop(jobID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(jobID)
}

// add is called before a live fact goes out, with the sequence that it follows. Whoever
// joins the job's room after that gets a history that has the fact.
func (h *histories) add(e events.Event, follows uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.swept) > keepTime/4 {
		h.swept = now
		for id, r := range h.entries {
			if r.isRead() && now.Sub(r.asked) > keepTime {
				h.remove(id)
			}
		}
	}
	r := h.entries[e.JobID]
	switch {
	case r == nil:
	case r.isRead():
		before := len(r.facts)
		if !r.extend(e, follows) {
			h.remove(e.JobID)
		} else {
			h.kept += len(r.facts) - before
		}
	case len(r.late) < maxLate:
		r.late = append(r.late, liveFact{e, follows}) // the reading may have passed its place
	default:
		r.hole = true
	}
}

// addProgress is add for progress.
func (h *histories) addProgress(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.entries[f.jobID]; r != nil {
		r.newer = &f
	}
}

// remove forgets a history. It is called with the lock held.
func (h *histories) remove(jobID string) {
	if r := h.entries[jobID]; r != nil && r.isRead() {
		h.kept -= len(r.facts)
	}
	delete(h.entries, jobID)
}

// finish ends the reading of a history, adds what came meanwhile and keeps it. Others are
// dropped if there are too many facts.
func (h *histories) finish(jobID string, r *entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range r.late {
		r.hole = r.hole || !r.extend(f.Event, f.follows)
	}
	r.late = nil
	close(r.done)
	if h.entries[jobID] != r {
		return
	}
	if r.hole {
		delete(h.entries, jobID)
		return
	}
	h.kept += len(r.facts)
	for id, other := range h.entries {
		if h.kept <= maxKept {
			break
		}
		if other != r && other.isRead() {
			h.remove(id)
		}
	}
}

// get returns the history of a job, read at least as far as a sequence.
func (h *histories) get(ctx context.Context, jobID string, atLeast uint64) (history, error) {
	for {
		r, err := h.findOrStart(jobID, atLeast)
		if err != nil {
			return history{}, err
		}
		select {
		case <-ctx.Done():
			return history{}, ctx.Err()
		case <-r.done:
		}
		h.mu.Lock()
		behind := r.readTo < atLeast && r.atLeast < atLeast || r.err == nil && r.hole
		// Guessed ids must not push out the histories of jobs.
		if (r.err != nil || behind || r.job.ID == "") && h.entries[jobID] == r {
			h.remove(jobID)
		}
		r.asked = time.Now()
		found := r.history
		if r.newer != nil && found.isRunning() && r.newer.trigger == found.job.Trigger {
			found.progress = r.newer
		}
		h.mu.Unlock()
		if r.err != nil || !behind {
			return found, r.err
		}
	}
}

// findOrStart returns the entry of a job, or starts to read one.
func (h *histories) findOrStart(jobID string, atLeast uint64) (*entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.entries[jobID]; r != nil {
		return r, nil
	}
	if err := h.ready(); err != nil {
		return nil, err // at once, and not after historyTimeout
	}
	if h.ctx.Err() != nil {
		return nil, errors.New("read history: the gateway has stopped")
	}
	r := &entry{done: make(chan struct{}), atLeast: atLeast, asked: time.Now()}
	h.entries[jobID] = r
	h.wg.Go(func() {
		r.err = h.read(r, jobID)
		h.finish(jobID, r)
	})
	return r, nil
}

// read reads a job's facts, and its newest progress if a stage works on it.
func (h *histories) read(r *entry, jobID string) error {
	select {
	case h.readers <- struct{}{}:
		defer func() { <-h.readers }()
	case <-h.ctx.Done():
		return fmt.Errorf("wait to read history: %w", h.ctx.Err())
	}
	ctx, cancel := context.WithTimeout(h.ctx, historyTimeout)
	defer cancel()
	log := h.logs[h.nextLog.Add(1)%uint64(len(h.logs))]
	var facts []events.Event
	for start := time.Now(); ; {
		var err error
		if facts, err = log.Replay(ctx, jobID, 0); err != nil {
			return err
		}
		if len(facts) > 0 {
			r.readTo = facts[len(facts)-1].Seq
		}
		if r.readTo >= r.atLeast {
			break
		}
		if len(facts) == 0 && time.Since(start) > maxLag {
			break // the whole job has been deleted
		}
		if !waitForReplica(ctx) {
			return fmt.Errorf("read history up to %d: %w", r.atLeast, ctx.Err())
		}
	}
	for _, e := range facts {
		// Clients hear only what the fold of the job accepts.
		if r.job.Apply(e) != nil {
			continue
		}
		f, err := encodeFact(e, true)
		if err != nil {
			return err
		}
		if e.Kind != events.KindWarned && e.Kind != events.KindErased { // these come beside it
			r.standing = len(r.facts)
		}
		r.facts = append(r.facts, f)
	}
	if !r.isRunning() {
		return nil
	}
	p, ok, err := log.Progress(ctx, jobID)
	if err != nil || !ok || p.Trigger != r.job.Trigger {
		return err
	}
	f, err := encodeProgress(p, r.job.Owner.ID)
	r.progress = &f
	return err
}
