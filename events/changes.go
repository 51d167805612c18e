package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Change is what has become of a job.
type Change struct {
	JobID string
	Job   Job // zero if Err is not nil
	// Err is ErrNewer for a job with a fact that this program does not know, and
	// ErrNotFound for one of which nothing can be believed. Other jobs go on.
	Err error
	// Alone says that the stream has nothing of the job but its archive. Only who reads
	// from the beginning learns it.
	Alone bool
}

// Changes reads the log once from the sequence after on, and calls visit with each job
// that has a fact there, folded from all its facts. It returns the last sequence that
// it has read. A job that goes on after its end is visited again, with its newer state:
// so Changes keeps only the jobs in memory that have not ended.
//
// It stops with the error that visit returns.
func (l *Log) Changes(ctx context.Context, after uint64, visit func(Change) error) (last uint64, err error) {
	open, again, ended := map[string]*Change{}, map[string]struct{}{}, map[string]struct{}{}
	last = after
	for m, err := range Messages(ctx, l.js, StreamFacts, AllSubjects, after+1) {
		if err != nil {
			return last, fmt.Errorf("read changes: %w", err)
		}
		last = m.Sequence
		id, kind, err := ParseSubject(m.Subject)
		if err != nil {
			continue
		}
		c := open[id]
		if kind == KindArchived {
			archived, ok := unpackChange(ctx, l, id, m)
			if ok {
				_, hadEnd := ended[id]
				_, hadPart := again[id]
				archived.Alone = after == 0 && c == nil && !hadEnd && !hadPart
				delete(open, id)
				delete(again, id)
				if err := visitChange(archived, visit); err != nil {
					return last, err
				}
				continue
			}
		}
		switch {
		case c != nil:
		case kind == KindUploaded:
			c = &Change{JobID: id}
			open[id] = c
		default: // its first facts are not among these
			again[id] = struct{}{}
			continue
		}
		if c.Err == nil {
			c.Err = l.applyStored(ctx, &c.Job, id, m)
		}
		if !c.Job.Ended() && c.Err == nil {
			continue
		}
		delete(open, id)
		if after == 0 {
			ended[id] = struct{}{}
		}
		if err := visitChange(c, visit); err != nil {
			return last, err
		}
	}
	for _, c := range open {
		if err := visitChange(c, visit); err != nil {
			return last, err
		}
	}
	for id := range again {
		c := Change{JobID: id}
		c.Job, c.Err = l.Load(ctx, id)
		if c.Err != nil && !errors.Is(c.Err, ErrNewer) && !errors.Is(c.Err, ErrNotFound) {
			return last, fmt.Errorf("read changes: %w", c.Err)
		}
		if err := visit(c); err != nil {
			return last, err
		}
	}
	return last, nil
}

func visitChange(c *Change, visit func(Change) error) error {
	if c.Err != nil {
		c.Job = Job{}
	} else if c.Job.ID == "" {
		c.Err = ErrNotFound
	}
	return visit(*c)
}

// unpackChange returns the job that an archive holds, whatever was read of it before. Ok is
// false for an archive that is not trusted.
func unpackChange(ctx context.Context, l *Log, jobID string, m *jetstream.RawStreamMsg) (c *Change, ok bool) {
	c = &Change{JobID: jobID}
	inner, err := Unpack(m)
	if errors.Is(err, ErrNewer) {
		c.Err = err
		return c, true
	}
	if err != nil {
		return nil, false
	}
	for _, m := range inner {
		if IsArchive(m) {
			continue
		}
		if c.Err = l.applyStored(ctx, &c.Job, jobID, m); c.Err != nil {
			break
		}
	}
	c.Job.Archived = m.Sequence
	return c, true
}

// applyStored applies a stored message to the fold of its job. The error is ErrNewer;
// whatever else is wrong with the message is logged.
func (l *Log) applyStored(ctx context.Context, j *Job, jobID string, m *jetstream.RawStreamMsg) error {
	e, err := Decode(m.Subject, m.Header, m.Data, m.Sequence)
	if errors.Is(err, ErrNewer) {
		// Without this fact the fold would show a wrong state.
		return err
	}
	if err != nil {
		l.logger.WarnContext(ctx, "untrusted message skipped", "job", jobID, "seq", m.Sequence, "err", err)
	} else if err := j.Apply(e); err != nil {
		l.logger.WarnContext(ctx, "fact skipped", "job", jobID, "seq", m.Sequence, "err", err)
	}
	if j.ID != "" {
		j.Seq, j.Archived = m.Sequence, 0 // skipped messages count for the guard too
	}
	return nil
}
