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
	// historyTime bounds the reading of a history. Who waits for it would only
	// ask again, when the server is slow.
	historyTime = 15 * time.Second
	// keptHistories is for how many jobs a history is kept. One takes a few
	// kilobytes.
	keptHistories = 1024
)

// history is what a job's log held, ready to be sent.
type history struct {
	job      events.Job // zero when there is none
	facts    []frame
	progress *frame // while it is at work
}

// atWork reports whether there may be progress.
func (h *history) atWork() bool { return h.job.ID != "" && !h.job.Ended() && h.job.Paused == nil }

// histories reads the jobs' histories: once for all who want the same one, and
// again only when there is a new fact. A crowd that comes back after a
// gateway was replaced would else read each one many times over.
type histories struct {
	logs    []*events.Log // of connections of their own
	turn    atomic.Uint64 // which of them is next
	readers chan struct{}
	ready   func() error

	ctx  context.Context // ends with the gateway
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu   sync.Mutex
	kept map[string]*reading
}

// reading is a history that is being read or has been.
type reading struct {
	done   chan struct{} // closed when what follows is known
	routed uint64        // it has been read at least as far, or is gone
	last   uint64        // as far as it has been read
	history
	err error

	live *frame // progress that came since it was begun; under histories.mu
}

func newHistories(cfg Config, ready func() error) *histories {
	h := &histories{readers: make(chan struct{}, cfg.Readers), ready: ready, kept: map[string]*reading{}}
	for _, js := range cfg.History {
		h.logs = append(h.logs, events.NewLog(js, "gateway", cfg.Logger))
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// close ends all readings and waits for their end.
func (h *histories) close() {
	h.stop()
	h.wg.Wait()
}

// forget drops all, for instance of a stream that is no more.
func (h *histories) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.kept)
}

// outdated is called before a live frame goes out. Who enters the room of its
// job after that is not given a history without the fact.
func (h *histories) outdated(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.seq > 0 {
		delete(h.kept, f.jobID)
	} else if r := h.kept[f.jobID]; r != nil {
		r.live = &f
	}
}

// of returns the history of a job, at least as far as routed.
func (h *histories) of(ctx context.Context, jobID string, routed uint64) (history, error) {
	for {
		r, err := h.reading(jobID, routed)
		if err != nil {
			return history{}, err
		}
		select {
		case <-ctx.Done():
			return history{}, ctx.Err()
		case <-r.done:
		}
		h.mu.Lock()
		behind := r.last < routed && r.routed < routed
		// What is no job is not kept, else guessed ids would push out jobs.
		if (r.err != nil || behind || r.job.ID == "") && h.kept[jobID] == r {
			delete(h.kept, jobID)
		}
		found := r.history
		if r.live != nil && found.atWork() && r.live.turn == found.job.Trigger {
			found.progress = r.live
		}
		h.mu.Unlock()
		if r.err != nil || !behind {
			return found, r.err
		}
	}
}

// reading returns the one that is under way or kept, or begins one.
func (h *histories) reading(jobID string, routed uint64) (*reading, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.kept[jobID]; r != nil {
		return r, nil
	}
	if err := h.ready(); err != nil {
		return nil, err // at once, not when the time is up
	}
	if h.ctx.Err() != nil {
		return nil, errors.New("read history: the gateway has stopped")
	}
	for id := range maps.Keys(h.kept) {
		if len(h.kept) < keptHistories {
			break
		}
		delete(h.kept, id)
	}
	r := &reading{done: make(chan struct{}), routed: routed}
	h.kept[jobID] = r
	h.wg.Go(func() {
		defer close(r.done)
		r.err = h.read(r, jobID)
	})
	return r, nil
}

// read reads a job's facts and if it is at work its newest progress.
func (h *histories) read(r *reading, jobID string) error {
	select {
	case h.readers <- struct{}{}:
		defer func() { <-h.readers }()
	case <-h.ctx.Done():
		return fmt.Errorf("wait to read history: %w", h.ctx.Err())
	}
	ctx, cancel := context.WithTimeout(h.ctx, historyTime)
	defer cancel()
	log := h.logs[h.turn.Add(1)%uint64(len(h.logs))]
	var facts []events.Event
	for start := time.Now(); ; {
		var err error
		if facts, err = log.Replay(ctx, jobID, 0); err != nil {
			return err
		}
		if len(facts) > 0 {
			r.last = facts[len(facts)-1].Seq
		}
		if r.last >= r.routed {
			break
		}
		if len(facts) == 0 && time.Since(start) > lagTime {
			break // the whole job was deleted since
		}
		if !pause(ctx) {
			return fmt.Errorf("read history up to %d: %w", r.routed, ctx.Err())
		}
	}
	for _, e := range facts {
		// What does not belong to the job's story is not told.
		if r.job.Apply(e) != nil {
			continue
		}
		f, err := factFrame(e)
		if err != nil {
			return err
		}
		r.facts = append(r.facts, f)
	}
	if !r.atWork() {
		return nil
	}
	p, ok, err := log.Progress(ctx, jobID)
	if err != nil || !ok || p.Trigger != r.job.Trigger {
		return err
	}
	f, err := progressFrame(p, r.job.Owner.ID)
	r.progress = &f
	return err
}
