package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// verifyEvents reads all messages of the job and folds them: each must be what it says
// of itself, and follow from those before it.
func (v *verification) verifyEvents(ctx context.Context, id string) (job events.Job, err error) {
	if !events.ValidJobID(id) {
		return job, events.ErrNotFound
	}
	msgs, err := v.readEvents(ctx, id)
	if err != nil {
		return job, err
	}
	c := chain{job: id, seen: map[uint64]bool{}}
	for _, m := range msgs {
		if err := c.link(m, &job); err != nil {
			v.judge(fmt.Sprintf("event %d", m.Sequence), err)
		}
	}
	switch {
	case v.altered > 0 && job.ID == "":
		return job, ErrAltered // of what is left nothing can be told
	case job.ID == "":
		return job, events.ErrNotFound
	case v.altered == 0:
		v.judge(fmt.Sprintf("%d events, %d to %d, follow from each other", c.events, job.FirstSeq, job.Seq), nil)
	}
	return job, nil
}

// readEvents returns the messages of a job, those of its archive in the place of all
// before it. What stands beside the archive, because nobody has deleted it yet, must be
// what the archive has.
func (v *verification) readEvents(ctx context.Context, id string) (list []*jetstream.RawStreamMsg, err error) {
	for m, err := range events.Messages(ctx, v.JetStream, events.StreamFacts, events.JobFilter(id), 1) {
		if err != nil {
			return nil, err
		}
		inner, err := events.Unpack(m)
		if err != nil || !events.IsArchive(m) {
			list = append(list, m) // one that is not trusted is judged in its place
			continue
		}
		for _, was := range list {
			if !slices.ContainsFunc(inner, func(in *jetstream.RawStreamMsg) bool { return events.IsSame(was, in) }) {
				v.judge(fmt.Sprintf("event %d", was.Sequence), errors.New("the archive of the job has another one"))
			}
		}
		list = inner
	}
	return list, nil
}

// chain is the messages of a job, each stored after the one before it.
type chain struct {
	job     string
	events  int
	seen    map[uint64]bool
	last    uint64
	guarded bool // one has said after which it was stored
}

// link adds the next message, to the job too.
func (c *chain) link(m *jetstream.RawStreamMsg, job *events.Job) error {
	err := c.after(m)
	c.last, c.seen[m.Sequence] = m.Sequence, true
	if events.IsArchive(m) && len(m.Data) == 0 {
		return err // an earlier archive, of which the newest one has the place
	}
	e, disbelieved := events.Decode(m.Subject, m.Header, m.Data, m.Sequence)
	if errors.Is(disbelieved, events.ErrArchive) {
		return err
	}
	c.events++
	if disbelieved != nil {
		return errors.Join(err, disbelieved)
	}
	if err == nil && e.Kind != events.KindUploaded && !c.seen[e.Cause] {
		err = fmt.Errorf("its cause, event %d, is not there", e.Cause)
	}
	if err != nil && job.ID == "" {
		return err // that it does not fit a job of which nothing is known says no more
	}
	return errors.Join(err, job.Apply(e))
}

// after compares after which message this one was stored with the one before it.
// The server has held the two equal, so where they differ one was taken out since.
func (c *chain) after(m *jetstream.RawStreamMsg) error {
	seq, ok := events.PreviousSeq(c.job, m.Header)
	switch {
	case !ok && c.guarded:
		return errors.New("it was stored without a look at those before it")
	case !ok:
		return nil // of a copied stream: only the causes are left to tell
	}
	c.guarded = true
	switch {
	case seq > c.last:
		return fmt.Errorf("event %d, after which it was stored, is not there", seq)
	case seq < c.last:
		return fmt.Errorf("it was stored after event %d, and event %d stands between them", seq, c.last)
	}
	return nil
}

// verifyNewest looks whether the list of jobs, which follows the stream, has seen an
// event after the last that there is. Nothing in the stream would tell.
func (v *verification) verifyNewest(ctx context.Context, job *events.Job) error {
	seq, err := v.NewestSeq(ctx, job.ID)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	var missing error
	if seq > job.Seq {
		missing = fmt.Errorf("event %d is not there", seq)
	}
	v.judge("the newest event, by the list of jobs", missing)
	return nil
}
