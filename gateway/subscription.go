package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/frames"
)

const (
	// maxLag is how long a client's last sequence may be ahead of the stream, for a
	// replica may lag. One that stays ahead is of a stream that no longer exists.
	maxLag      = time.Second
	lagInterval = 25 * time.Millisecond
)

// subscription is a connection's place in the room of a job. While the history is read
// and sent, live frames wait in it.
type subscription struct {
	joining  bool
	waiting  []frame
	progress *frame // the newest while joining
	sent     uint64 // the newest sequence queued
	// Kept for the offset of Socket.IO: the newest sequence that the client has, and where
	// the job stood when it subscribed, which progress then shows; 0 once it is told.
	written, stood uint64
	trigger        uint64 // progress of an earlier trigger is outdated
}

// offer hands the connection a live frame, in the order of the frames. It does not wait.
func (c *conn) offer(f frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[f.jobID]
	switch {
	case f.seq == 0 && s != nil && s.joining:
		if s.progress != nil {
			c.g.counters.conflated.Add(1)
		}
		s.progress = &f
	case f.seq == 0 && s != nil && f.trigger < s.trigger:
		// Progress comes from another stream and may be late. The bar would jump back.
		c.g.counters.conflated.Add(1)
	case f.seq == 0:
		c.queue.putProgress(f)
	case s == nil:
		c.enqueueFact(f)
	case s.joining && len(s.waiting) < c.g.cfg.Queue:
		s.waiting = append(s.waiting, f)
	case s.joining:
		c.g.counters.dropped.Add(1)
		c.queue.giveUp()
	case f.seq > s.sent:
		s.sent, s.trigger = f.seq, max(s.trigger, f.trigger)
		c.enqueueFact(f)
	}
}

// enqueueFact queues a fact. A client that has no room for it is given up.
func (c *conn) enqueueFact(f frame) {
	if !c.queue.putFact(f) {
		c.g.counters.dropped.Add(1)
		c.queue.giveUp()
	}
}

// subscribe sends what the job's log has after a sequence, then what comes. Without a
// sequence the dialect says where to begin. It joins the room before it reads the log, so
// that each fact comes from one of the two or from both. Sequences tell which of them have
// been sent already.
func (c *conn) subscribe(jobID string, given *uint64, who *visitor, id json.RawMessage) error {
	if !events.ValidJobID(jobID) {
		return refusal.NotFound()
	}
	c.unsubscribe(jobID)
	routed, err := c.joinRoom(jobID)
	if err != nil {
		return err
	}
	past, err := c.g.histories.get(c.ctx, jobID, routed)
	job := past.job
	switch {
	case err != nil:
	case job.ID == "":
		err = refusal.NotFound()
	default:
		err = who.may.MayOn(access.ReadStatus, &job)
	}
	if err != nil {
		c.unsubscribe(jobID)
		return fmt.Errorf("subscribe to %s: %w", jobID, err)
	}
	after, facts := c.dialect.begin(&past, given)
	ok, err := streamReaches(c, job.Seq, after)
	if err == nil && !ok && given == nil { // the client's last connection was of another stream
		after, facts = c.dialect.begin(&past, nil)
		ok = true
	}
	if err != nil || !ok {
		c.unsubscribe(jobID)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", jobID, err)
		}
		c.close(refusal.CloseStreamReset, "after is not of this stream")
		return nil
	}
	c.mu.Lock()
	c.subs[jobID].written = after
	c.mu.Unlock()
	c.reply(frames.EventAck, frames.Ack{JobID: jobID, LastSeq: job.Seq, Status: job.Status}, id)
	for _, f := range facts {
		if f.seq > after && !c.queue.putHistory(c.ctx, f) {
			return nil // the connection has ended
		}
	}
	c.goLive(jobID, max(job.Seq, after), &job, past.progress)
	return nil
}

// joinRoom joins the room of a job, unless the connection follows too many. It returns
// the sequence that the history has to reach.
func (c *conn) joinRoom(jobID string) (routed uint64, err error) {
	c.mu.Lock()
	if limit := c.g.cfg.Subscriptions; len(c.subs) >= limit {
		c.mu.Unlock()
		return 0, refusal.New(refusal.CodeTooManySubscriptions,
			fmt.Sprintf("A connection may follow %d jobs. Please unsubscribe from one first.", limit))
	}
	c.subs[jobID] = &subscription{joining: true}
	c.mu.Unlock()
	return c.g.hub.joinJob(c, jobID), nil
}

// goLive ends the joining: what waited follows the history.
func (c *conn) goLive(jobID string, sent uint64, job *events.Job, progress *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[jobID]
	s.sent, s.stood, s.trigger = sent, sent, job.Trigger
	if job.Next() == "" { // no stage works, so that progress is outdated
		s.trigger = job.Seq
	}
	for _, f := range s.waiting {
		if f.seq > s.sent {
			s.sent, s.trigger = f.seq, max(s.trigger, f.trigger)
			c.enqueueFact(f)
			progress = nil // it is older than this fact
		}
	}
	if s.progress != nil {
		progress = s.progress
	}
	if progress != nil && progress.trigger >= s.trigger {
		c.queue.putProgress(*progress)
	}
	s.joining, s.waiting, s.progress = false, nil, nil
}

func (c *conn) unsubscribe(jobID string) {
	c.g.hub.leaveJob(c, jobID)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, jobID)
}

// streamReaches reports whether the stream has come as far as the client's last sequence.
// That may be beyond the job's own facts, for it may be another job's, but it must not be
// another stream's.
func streamReaches(c *conn, seq, after uint64) (bool, error) {
	deadline := time.Now().Add(maxLag)
	for max(seq, c.g.last.Load()) < after {
		if time.Now().After(deadline) {
			// The feed may be behind the stream. It is asked once: anybody may send any
			// sequence.
			end, err := readEnd(c.ctx, c.g.cfg.JetStream)
			return end.Seq >= after, err
		}
		if !waitForReplica(c.ctx) {
			return false, c.ctx.Err()
		}
	}
	return true, nil
}

// waitForReplica waits a moment for a replica that lags. It returns false when ctx ends
// first.
func waitForReplica(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(lagInterval):
		return true
	}
}
