package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/gateway/auth"
)

const historyTime = 10 * time.Second

// subscription is a connection's place in the room of a job. While the history
// is read and sent, what comes live waits in it.
type subscription struct {
	joining  bool
	waiting  []frame
	progress *frame // the newest while joining
	sent     uint64 // the newest sequence queued
}

// offer hands the connection a live frame. It is called in the order of the
// frames and does not wait.
func (c *conn) offer(f frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[f.jobID]
	switch {
	case f.seq == 0 && s != nil && s.joining:
		s.progress = &f
	case f.seq == 0:
		c.q.show(f)
	case s == nil:
		c.put(f)
	case s.joining && len(s.waiting) < c.g.cfg.Queue:
		s.waiting = append(s.waiting, f)
	case s.joining:
		c.q.overflow()
	case f.seq > s.sent:
		s.sent = f.seq
		c.put(f)
	}
}

func (c *conn) put(f frame) {
	if !c.q.put(f) {
		c.q.overflow()
	}
}

// subscribe sends what the job's log has after a sequence and then what comes.
// The room is entered first and the log read after that, so each fact is in one
// of the two or in both; sequences tell which of those were sent already.
func (c *conn) subscribe(jobID string, after uint64, claims *auth.Claims, id json.RawMessage) error {
	if !events.ValidJobID(jobID) {
		return notFound()
	}
	c.unsubscribe(jobID)
	if err := c.enter(jobID); err != nil {
		return err
	}
	facts, job, progress, err := c.history(jobID)
	if err == nil && (job.ID == "" || (job.Owner.ID != claims.ID && !claims.Admin())) {
		err = notFound()
	}
	if err != nil {
		c.unsubscribe(jobID)
		return err
	}
	c.send(EventAck, map[string]any{"job_id": jobID, "last_seq": job.Seq, "status": job.Status}, id)
	for _, e := range facts {
		if e.Seq <= after {
			continue
		}
		f, err := factFrame(e)
		if err != nil {
			c.unsubscribe(jobID)
			return err
		}
		if !c.q.putOld(c.ctx, f) {
			return nil // the connection has ended
		}
	}
	c.live(jobID, max(job.Seq, after), progress)
	return nil
}

func (c *conn) enter(jobID string) error {
	c.mu.Lock()
	if len(c.subs) >= c.g.cfg.Subscriptions {
		c.mu.Unlock()
		return refuse(codeTooMany, fmt.Sprintf("A connection may follow %d jobs. Please unsubscribe from one first.", c.g.cfg.Subscriptions))
	}
	c.subs[jobID] = &subscription{joining: true}
	c.mu.Unlock()
	c.g.hub.join(c, jobID)
	return nil
}

// live ends the joining: what waited follows the history.
func (c *conn) live(jobID string, sent uint64, progress *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[jobID]
	s.sent = sent
	for _, f := range s.waiting {
		if f.seq > s.sent {
			s.sent = f.seq
			c.put(f)
			progress = nil // it was older than this fact
		}
	}
	if s.progress != nil {
		progress = s.progress
	}
	if progress != nil {
		c.q.show(*progress)
	}
	s.joining, s.waiting, s.progress = false, nil, nil
}

func (c *conn) unsubscribe(jobID string) {
	c.g.hub.leave(c, jobID)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, jobID)
}

// history reads a job's facts and, if it is at work, its newest progress.
func (c *conn) history(jobID string) (facts []events.Event, job events.Job, progress *frame, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, historyTime)
	defer cancel()
	select {
	case c.g.readers <- struct{}{}:
		defer func() { <-c.g.readers }()
	case <-ctx.Done():
		return nil, job, nil, fmt.Errorf("wait to read history: %w", ctx.Err())
	}
	if facts, err = c.g.log.Replay(ctx, jobID, 0); err != nil {
		return nil, job, nil, err
	}
	known := facts[:0]
	for _, e := range facts {
		// What does not belong to the job's story is not told.
		if job.Apply(e) == nil {
			known = append(known, e)
		}
	}
	if job.ID == "" || job.Ended() {
		return known, job, nil, nil
	}
	p, ok, err := c.g.log.Progress(ctx, jobID)
	if err != nil || !ok || p.Trigger != job.Trigger || job.Paused != nil {
		return known, job, nil, err
	}
	f, err := progressFrame(p, job.Owner.ID)
	return known, job, &f, err
}
