package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/frames"
)

const (
	// lagTime is how long a cursor may be ahead of the history: a replica may
	// lag. One that is ahead for longer is of a stream that is no more.
	lagTime  = time.Second
	lagEvery = 25 * time.Millisecond
)

// subscription is a connection's place in the room of a job. While the history
// is read and sent, what comes live waits in it.
type subscription struct {
	joining  bool
	waiting  []frame
	progress *frame // the newest while joining
	sent     uint64 // the newest sequence queued
	turn     uint64 // progress of earlier turns is outdated
}

// offer hands the connection a live frame. It is called in the order of the
// frames and does not wait.
func (c *conn) offer(f frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[f.jobID]
	switch {
	case f.seq == 0 && s != nil && s.joining:
		if s.progress != nil {
			c.g.sums.conflated.Add(1)
		}
		s.progress = &f
	case f.seq == 0 && s != nil && f.turn < s.turn:
		// Progress comes by another stream and may be late: the bar would jump back.
		c.g.sums.conflated.Add(1)
	case f.seq == 0:
		c.q.show(f)
	case s == nil:
		c.put(f)
	case s.joining && len(s.waiting) < c.g.cfg.Queue:
		s.waiting = append(s.waiting, f)
	case s.joining:
		c.g.sums.dropped.Add(1)
		c.q.overflow()
	case f.seq > s.sent:
		s.sent, s.turn = f.seq, max(s.turn, f.turn)
		c.put(f)
	}
}

func (c *conn) put(f frame) {
	if !c.q.put(f) {
		c.g.sums.dropped.Add(1)
		c.q.overflow()
	}
}

// subscribe sends what the job's log has after a sequence and then what comes.
// The room is entered first and the log read after that, so each fact is in one
// of the two or in both; sequences tell which of those were sent already.
func (c *conn) subscribe(jobID string, after uint64, claims *auth.Claims, id json.RawMessage) error {
	if !events.ValidJobID(jobID) {
		return refusal.NotFound()
	}
	c.unsubscribe(jobID)
	routed, err := c.enter(jobID)
	if err != nil {
		return err
	}
	past, err := c.g.past.of(c.ctx, jobID, routed)
	job := past.job
	if err == nil && (job.ID == "" || (job.Owner.ID != claims.ID && !claims.Admin())) {
		err = refusal.NotFound()
	}
	if err != nil {
		c.unsubscribe(jobID)
		return err
	}
	if ok, err := c.reached(job.Seq, after); err != nil || !ok {
		c.unsubscribe(jobID)
		if err == nil {
			c.fail(refusal.CloseStreamReset, "after is not of this stream")
		}
		return err
	}
	c.send(frames.EventAck, frames.Ack{JobID: jobID, LastSeq: job.Seq, Status: job.Status}, id)
	for _, f := range past.facts {
		if f.seq > after && !c.q.putOld(c.ctx, f) {
			return nil // the connection has ended
		}
	}
	c.live(jobID, max(job.Seq, after), &job, past.progress)
	return nil
}

func (c *conn) enter(jobID string) (routed uint64, err error) {
	c.mu.Lock()
	if len(c.subs) >= c.g.cfg.Subscriptions {
		c.mu.Unlock()
		return 0, refusal.New(refusal.CodeTooManySubscriptions, fmt.Sprintf("A connection may follow %d jobs. Please unsubscribe from one first.", c.g.cfg.Subscriptions))
	}
	c.subs[jobID] = &subscription{joining: true}
	c.mu.Unlock()
	return c.g.hub.join(c, jobID), nil
}

// live ends the joining: what waited follows the history.
func (c *conn) live(jobID string, sent uint64, job *events.Job, progress *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[jobID]
	s.sent, s.turn = sent, job.Trigger
	if job.Ended() {
		s.turn = job.Seq
	}
	for _, f := range s.waiting {
		if f.seq > s.sent {
			s.sent, s.turn = f.seq, max(s.turn, f.turn)
			c.put(f)
			progress = nil // it was older than this fact
		}
	}
	if s.progress != nil {
		progress = s.progress
	}
	if progress != nil && progress.turn >= s.turn {
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

// reached reports whether the stream has come as far as a cursor that is beyond
// the job's own facts: it may be of another job, but not of another stream.
func (c *conn) reached(seq, after uint64) (bool, error) {
	patience := time.Now().Add(lagTime)
	seq = max(seq, c.g.last.Load())
	for seq < after {
		end, err := newest(c.ctx, c.g.cfg.JetStream)
		if err != nil {
			return false, err
		}
		seq = end.seq
		if seq < after && time.Now().After(patience) {
			return false, nil
		}
		if seq < after && !pause(c.ctx) {
			return false, c.ctx.Err()
		}
	}
	return true, nil
}

// pause waits a little for a replica that lags; false when ctx ended first.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(lagEvery):
		return true
	}
}
