package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.example/events"
)

const (
	// historyTimeout bounds the reading of a history. A client with a shorter limit
	// would only ask again when the server is slow.
	historyTimeout = 15 * time.Second
	// maxHistories is how many histories are kept. One takes a few kilobytes.
	maxHistories = 1024
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

// histories reads the histories of jobs, and keeps each until the job has a new fact.
// When a gateway is replaced, all its clients come back at once and ask for the same
// few.
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
}

// entry is a history that is being read or has been.
type entry struct {
	done    chan struct{} // closed once the reading has ended
	atLeast uint64        // the sequence that the reading had to reach, unless the job was deleted
	readTo  uint64        // the sequence that it did reach
	history
	err error

	newer *frame // the newest progress since the reading began; guarded by histories.mu
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
}

// drop drops the history of a job.
func (h *histories) drop(jobID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.entries, jobID)
}

// update is called before a live frame goes out. Whoever joins the job's room after that
// gets a history that has the fact.
func (h *histories) update(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.seq > 0 {
		delete(h.entries, f.jobID)
	} else if r := h.entries[f.jobID]; r != nil {
		r.newer = &f
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
		behind := r.readTo < atLeast && r.atLeast < atLeast
		// Guessed ids must not push out the histories of jobs.
		if (r.err != nil || behind || r.job.ID == "") && h.entries[jobID] == r {
			delete(h.entries, jobID)
		}
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
	for id := range maps.Keys(h.entries) {
		if len(h.entries) < maxHistories {
			break
		}
		delete(h.entries, id)
	}
	r := &entry{done: make(chan struct{}), atLeast: atLeast}
	h.entries[jobID] = r
	h.wg.Go(func() {
		defer close(r.done)
		r.err = h.read(r, jobID)
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
