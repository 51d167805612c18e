package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotArchived says that a job keeps its messages: it is under way, has a message that
// is not trusted, which is evidence, or one that does not fit into an archive.
var ErrNotArchived = errors.New("not archived")

// Archive moves all messages of a job that has ended into one, and deletes them and the
// job's progress. The job stays as it is, and so does what every reader says of it. When
// it was killed before it has deleted all, it goes on with that. It needs the permissions
// of the user privacy. seq is that of the job's last fact, as the caller knows the job.
//
// It returns the job as it was read. The error is ErrNotArchived for a job that has to stay
// as it is, ErrConflict for one that has changed meanwhile, and ErrBehind when a server
// that lags has answered.
func (l *Log) Archive(ctx context.Context, jobID string, seq uint64) (job Job, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("archive job: %w", err)
		}
	}()
	// Before the facts, for what comes after them is that of a retry.
	_, progress, err := l.loadProgress(ctx, jobID)
	if err != nil {
		return job, err
	}
	msgs, err := l.readValid(ctx, jobID, 0)
	if err != nil {
		return job, err
	}
	if job, err = foldWhole(msgs); err != nil {
		return job, err
	}
	if job.Seq != seq {
		return job, ErrConflict
	}
	a := archiving{l, &job}
	before := msgs
	if job.Archived != 0 {
		before = msgs[:len(msgs)-1] // whoever has stored the archive was killed
	} else if err := a.append(ctx, msgs); err != nil {
		return job, err
	}
	if err := a.delete(ctx, before); err != nil {
		return job, err
	}
	return job, a.removeProgress(ctx, progress)
}

// archiving is a job that is moved into an archive.
type archiving struct {
	*Log
	job *Job
}

// foldWhole folds the messages of a job. The error is ErrNotArchived unless the job has
// ended, and each message is believed and fits.
func foldWhole(msgs []*jetstream.RawStreamMsg) (job Job, err error) {
	u, err := unpackJob(msgs)
	if err != nil {
		return job, err
	}
	misfit := error(nil)
	for _, m := range u.facts {
		e, err := Decode(m.Subject, m.Header, m.Data, m.Sequence)
		if errors.Is(err, ErrNewer) {
			return job, err
		}
		if err == nil {
			err = job.Apply(e)
		}
		if err == nil && !utf8.Valid(m.Data) {
			err = errors.New("a body that is no text")
		}
		if err != nil && misfit == nil {
			misfit = fmt.Errorf("%w: event %d: %w", ErrNotArchived, m.Sequence, err)
		}
	}
	switch {
	case job.ID == "":
		return job, ErrNotFound
	case !job.Ended():
		return job, fmt.Errorf("%w: it is under way", ErrNotArchived)
	}
	job.Archived = u.archive
	return job, misfit
}

// append stores the archive of messages, which must be all that there are.
func (a archiving) append(ctx context.Context, msgs []*jetstream.RawStreamMsg) error {
	// The facts of an earlier archive go into this one, and its place.
	var all []*jetstream.RawStreamMsg
	for _, m := range msgs {
		inner, err := Unpack(m)
		if err != nil {
			return err
		}
		if IsArchive(m) {
			all = all[:0] // it has those before it
		}
		all = append(all, inner...)
	}
	// The server that answered may lag. What it does not have must not be deleted.
	held, err := a.Count(ctx, a.job.ID)
	if err != nil {
		return err
	}
	if held.Messages != len(msgs) {
		return fmt.Errorf("%w: it has %d of %d events", ErrBehind, len(msgs), held.Messages)
	}
	msg, err := packArchive(a.job, all, a.now(), a.source)
	if err != nil {
		return err
	}
	if len(msg.Data) > maxArchive {
		return fmt.Errorf("%w: its archive would have %d bytes", ErrNotArchived, len(msg.Data))
	}
	// Read as everybody will read it, it must be what it was.
	again, err := Unpack(&jetstream.RawStreamMsg{Subject: msg.Subject, Header: msg.Header, Data: msg.Data,
		Sequence: all[len(all)-1].Sequence + 1})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotArchived, err)
	}
	if !slices.EqualFunc(again[:len(all)], all, IsSame) {
		return fmt.Errorf("%w: it would not be read as it is", ErrNotArchived)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	a.job.Archived, err = a.store(ctx, msgs[len(msgs)-1].Sequence, a.job.ID, msg)
	return err
}

// delete deletes messages of a job by their sequences, the oldest first: a reader
// who meets what is left sees that the beginning is missing. To purge by subject, the
// server would go through all that was stored between the job and its archive.
func (a archiving) delete(ctx context.Context, msgs []*jetstream.RawStreamMsg) error {
	if len(msgs) == 0 {
		return nil
	}
	stream, err := a.js.Stream(ctx, StreamFacts)
	if err != nil {
		return err
	}
	refused := error(nil)
	for _, m := range msgs {
		switch err := stream.DeleteMsg(ctx, m.Sequence); {
		case errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful):
			refused = err // another process may have been faster
		case err != nil:
			return err
		}
	}
	if refused == nil {
		return nil
	}
	if held, err := a.Count(ctx, a.job.ID); err != nil || held.Messages > held.Archives {
		return errors.Join(refused, err)
	}
	return nil
}

// removeProgress deletes the progress of a job that has ended, up to a sequence.
func (a archiving) removeProgress(ctx context.Context, seq uint64) error {
	if seq == 0 {
		return nil
	}
	stream, err := a.js.Stream(ctx, StreamProgress)
	if err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(Subject(a.job.ID, KindProgress)),
		jetstream.WithPurgeSequence(seq+1))
}

// Find returns the stored message of a job's fact, from the job's archive where that has
// it; nil when there is none. It needs permission to read the log.
func Find(ctx context.Context, js jetstream.JetStream, jobID string, kind Kind, seq uint64) (
	*jetstream.RawStreamMsg, error,
) {
	msgs, _, err := ReadBatch(ctx, js, StreamFacts, Subject(jobID, kind), seq)
	if err != nil {
		return nil, err
	}
	if len(msgs) > 0 && msgs[0].Sequence == seq {
		return msgs[0], nil
	}
	archives, err := ReadLast(ctx, js, StreamFacts, []string{Subject(jobID, KindArchived)})
	if err != nil || len(archives) == 0 {
		return nil, err
	}
	inner, err := Unpack(archives[0])
	if err != nil {
		return nil, err
	}
	for _, m := range inner {
		if m.Sequence == seq && m.Subject == Subject(jobID, kind) {
			return m, nil
		}
	}
	return nil, nil
}
