package stage

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
)

// fewPaused is how many jobs are loaded one by one. Of more, those that have gone on are
// found first: a process that starts reads all pauses that there ever were.
const fewPaused = 16

// read adds the jobs that were paused since the last time.
func (p *parkedJobs) read(ctx context.Context) error {
	end, err := events.ReadEnd(ctx, p.r.Log.JetStream(), events.StreamFacts, "bulk.>")
	if err != nil {
		return fmt.Errorf("read parked jobs: %w", err)
	}
	if end.Seq < p.from {
		return nil // nothing is new
	}
	paused := map[string]pausedAt{}
	err = p.each(ctx, events.KindPaused, func(jobID string, e *events.Event, seq uint64) {
		at := pausedAt{seq: seq}
		if e != nil {
			at.owner = e.Owner
		}
		paused[jobID] = at
		end.Seq = max(end.Seq, seq)
	})
	if err == nil && len(paused) > fewPaused {
		err = p.dropResumed(ctx, paused)
	}
	if err != nil {
		return fmt.Errorf("read parked jobs: %w", err)
	}
	for jobID, at := range paused {
		if err := p.add(ctx, jobID, at.seq); err != nil {
			return err
		}
	}
	p.from = end.Seq + 1
	return nil
}

// pausedAt is the newest pause of a job, and who owns the job by it.
type pausedAt struct {
	seq   uint64
	owner string
}

// each calls f with the messages of a kind that are new, oldest first; e is nil for one
// that is not trusted.
func (p *parkedJobs) each(
	ctx context.Context, kind events.Kind, f func(jobID string, e *events.Event, seq uint64),
) error {
	js := p.r.Log.JetStream()
	for m, err := range events.Messages(ctx, js, events.StreamFacts, events.Subject("*", kind), p.from) {
		if err != nil {
			return err
		}
		jobID, _, err := events.ParseSubject(m.Subject)
		if err != nil {
			continue
		}
		if e, err := events.Decode(m.Subject, m.Header, m.Data, m.Sequence); err == nil {
			f(jobID, &e, m.Sequence)
		} else {
			f(jobID, nil, m.Sequence)
		}
	}
	return nil
}

// dropResumed leaves out jobs that this stage has gone on with, or that have ended, since
// their newest pause. A fact counts only if the job's own fold would take it; where that
// is not sure, the job stays, and is loaded.
func (p *parkedJobs) dropResumed(ctx context.Context, paused map[string]pausedAt) error {
	for _, kind := range []events.Kind{events.KindResumed, events.KindFailed, events.KindCancelled} {
		err := p.each(ctx, kind, func(jobID string, e *events.Event, seq uint64) {
			at, ok := paused[jobID]
			if !ok || seq < at.seq || e == nil || e.Owner != at.owner || !p.leaves(e.Fact) {
				return
			}
			delete(paused, jobID)
			delete(p.jobs, jobID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leaves reports whether a paused job of the stage is no longer paused after a fact.
func (p *parkedJobs) leaves(fact events.Fact) bool {
	switch f := fact.(type) {
	case *events.Resumed:
		return f.Stage == p.r.Stage
	case *events.Failed:
		return f.Stage == p.r.Stage
	case *events.Cancelled:
		return true
	}
	return false
}

// add adds a job that was paused at seq, if it still is and if this is its stage.
func (p *parkedJobs) add(ctx context.Context, jobID string, seq uint64) error {
	job, err := p.r.Log.Load(ctx, jobID)
	switch {
	case errors.Is(err, events.ErrNotFound):
		delete(p.jobs, jobID)
		return nil
	case errors.Is(err, events.ErrNewer):
		return nil // a newer process wakes it
	case err != nil:
		return fmt.Errorf("read parked job: %w", err)
	case job.Seq < seq:
		return fmt.Errorf("read parked job %s: a replica lacks its newest fact", jobID)
	case job.Paused == nil || job.Next() != p.r.Stage:
		delete(p.jobs, jobID)
		return nil
	}
	p.jobs[jobID] = Parked{
		JobID: jobID, Owner: job.Owner.ID, Reason: job.Paused.Reason,
		PausedAt: job.Paused.At, ResumesAt: job.Paused.ResumesAt,
		Left: job.Paused.Total - job.Paused.Processed, Total: job.Paused.Total,
		Arrived: job.FirstSeq, paused: job.Seq,
	}
	return nil
}
