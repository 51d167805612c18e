package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of the log.
var (
	// ErrNotFound means that no job with that id was uploaded.
	ErrNotFound = errors.New("job not found")
	// ErrConflict means that the job has a newer fact. Load the job and decide again.
	ErrConflict = errors.New("job has changed")
)

// The server's error codes for a guard that fails: 10071 on any stream, 10164 on
// a replicated stream while it stores another append to the job.
const (
	codeWrongLastSequence = 10071
	codeAppendInFlight    = 10164
)

const publishTimeout = apiTimeout

// Nobody answers while a replicated stream elects a new leader. Append repeats
// its request for ten seconds.
const (
	electionTries = 40
	electionWait  = 250 * time.Millisecond
)

// Log reads and appends the facts of jobs.
type Log struct {
	js     jetstream.JetStream
	source Stage
	logger *slog.Logger
	now    func() time.Time
}

// NewLog returns a log that writes as the given stage: source is the
// CloudEvents source of its facts. A nil logger discards.
func NewLog(js jetstream.JetStream, source Stage, logger *slog.Logger) *Log {
	return &Log{js: js, source: source, logger: Logger(logger), now: time.Now}
}

// WithClock returns the log with another clock for the times of its facts.
func (l *Log) WithClock(now func() time.Time) *Log {
	other := *l
	other.now = now
	return &other
}

// JetStream returns the connection that the log uses.
func (l *Log) JetStream() jetstream.JetStream { return l.js }

// Replay returns the facts of a job after the given sequence, oldest first. It
// logs and skips messages that are not trusted.
//
// The error is ErrNotFound for an id of the wrong form, and ErrNewer for a job
// with a fact that this program does not know.
func (l *Log) Replay(ctx context.Context, jobID string, after uint64) ([]Event, error) {
	list, _, err := l.replay(ctx, jobID, after)
	return list, err
}

// replay returns also the sequence of the last message, trusted or not.
func (l *Log) replay(ctx context.Context, jobID string, after uint64) (list []Event, last uint64, err error) {
	msgs, err := l.readValid(ctx, jobID, after)
	if err != nil {
		return nil, 0, err
	}
	u, err := unpackJob(msgs)
	if err != nil {
		return nil, 0, fmt.Errorf("replay job: %w", err)
	}
	list, err = l.decodeAll(ctx, jobID, u.facts, after)
	return list, max(u.last, after), err
}

// readValid is readJob for an id that may have the wrong form.
func (l *Log) readValid(ctx context.Context, jobID string, after uint64) ([]*jetstream.RawStreamMsg, error) {
	if !ValidJobID(jobID) {
		return nil, ErrNotFound
	}
	msgs, err := l.readJob(ctx, jobID, after)
	if err != nil {
		return nil, fmt.Errorf("replay job: %w", err)
	}
	return msgs, nil
}

// decodeAll returns the trusted events among messages after a sequence.
func (l *Log) decodeAll(ctx context.Context, jobID string, msgs []*jetstream.RawStreamMsg, after uint64) (
	list []Event, err error,
) {
	for _, m := range msgs {
		if m.Sequence <= after {
			continue
		}
		e, err := Decode(m.Subject, m.Header, m.Data, m.Sequence)
		if errors.Is(err, ErrNewer) {
			// Without this fact the fold would show a wrong state.
			return nil, fmt.Errorf("replay job: %w", err)
		}
		if err != nil {
			l.logger.WarnContext(ctx, "untrusted message skipped", "job", jobID, "seq", m.Sequence, "err", err)
			continue
		}
		list = append(list, e)
	}
	return list, nil
}

// maxBetween is how many messages readJob asks for one by one. For many more it is quicker
// to have the server look for them.
const maxBetween = 64

// readJob returns all messages of a job, if there is one after a sequence. To find them the
// server looks at every message since the job's first. So readJob asks for the newest message
// of each kind. Each says which one was before it: where none is missing between them, these
// are all, and where some are it asks for those.
func (l *Log) readJob(ctx context.Context, jobID string, after uint64) (msgs []*jetstream.RawStreamMsg, err error) {
	newest, err := ReadLast(ctx, l.js, StreamFacts, []string{JobFilter(jobID)})
	if err != nil || len(newest) == 0 || newest[len(newest)-1].Sequence <= after {
		return newest, err
	}
	if msgs, err = readBetween(ctx, l.js, jobID, newest); err != nil || msgs != nil {
		return msgs, err
	}
	for m, err := range Messages(ctx, l.js, StreamFacts, JobFilter(jobID), 1) {
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, m)
	}
	return msgs, nil
}

// readBetween adds to the newest messages of each kind those before and between them. Before
// an archive there need be none. It returns nil where the messages do not say which there
// are, or there are too many.
func readBetween(ctx context.Context, js jetstream.JetStream, jobID string, newest []*jetstream.RawStreamMsg) (
	msgs []*jetstream.RawStreamMsg, err error,
) {
	for m, read := newest[len(newest)-1], 0; ; {
		msgs = append(msgs, m)
		if len(newest) > 0 && m == newest[len(newest)-1] {
			newest = newest[:len(newest)-1]
		}
		if len(newest) == 0 && IsArchive(m) {
			break
		}
		before, ok := PreviousSeq(jobID, m.Header)
		next := uint64(0)
		if len(newest) > 0 {
			next = newest[len(newest)-1].Sequence
		}
		switch {
		case !ok, before < next, before >= m.Sequence:
			return nil, nil
		case before == 0:
			slices.Reverse(msgs)
			return msgs, nil
		case before == next:
			m = newest[len(newest)-1]
			continue
		}
		if read++; read > maxBetween {
			return nil, nil
		}
		if m, err = readAt(ctx, js, StreamFacts, before); err != nil || m == nil || IsArchive(m) {
			return nil, err
		}
		if id, _, err := ParseSubject(m.Subject); err != nil || id != jobID {
			return nil, nil // the guard is of another stream
		}
	}
	slices.Reverse(msgs)
	return msgs, nil
}

// Load returns the fold of all facts of a job. The error is ErrNotFound when
// there are none.
func (l *Log) Load(ctx context.Context, jobID string) (Job, error) {
	j, _, err := l.load(ctx, jobID)
	return j, err
}

// load returns also which messages it has read.
func (l *Log) load(ctx context.Context, jobID string) (j Job, read Held, err error) {
	msgs, err := l.readValid(ctx, jobID, 0)
	if err != nil {
		return Job{}, read, err
	}
	for _, m := range msgs {
		read.add(m.Subject, 1)
	}
	u, err := unpackJob(msgs)
	if err != nil {
		return Job{}, read, fmt.Errorf("replay job: %w", err)
	}
	list, err := l.decodeAll(ctx, jobID, u.facts, 0)
	if err != nil {
		return Job{}, read, err
	}
	for _, e := range list {
		if err := j.Apply(e); err != nil {
			l.logger.WarnContext(ctx, "fact skipped", "job", jobID, "seq", e.Seq, "err", err)
		}
	}
	if j.ID == "" {
		return Job{}, read, ErrNotFound
	}
	// Skipped messages count for the guard too.
	j.Seq, j.Archived = u.facts[len(u.facts)-1].Sequence, u.archive
	return j, read, nil
}

// Append stores a fact of the job as it was loaded, and applies the fact to j.
// Cause is the sequence of the fact that led to it. The job's last sequence
// guards the append. To append the same fact twice is no error.
//
// The error is ErrNotAllowed when the job's state forbids the fact, and
// ErrConflict when the job has changed since it was loaded. After any other
// error the fact may be stored or not.
func (l *Log) Append(ctx context.Context, j *Job, cause uint64, fact Fact) (_ Event, err error) {
	if err := j.Allows(fact); err != nil {
		return Event{}, err
	}
	jobID, owner := j.ID, j.Owner.ID
	if up, ok := fact.(*Uploaded); ok {
		up.Owner.ID = UserID(up.Owner.ID)
		jobID, owner = up.JobID, up.Owner.ID
	}
	if !ValidJobID(jobID) || owner == "" {
		return Event{}, fmt.Errorf("append %s: no valid job id or owner", fact.FactKind())
	}
	msg, err := encode(jobID, owner, cause, l.now(), l.source, fact)
	if err != nil {
		return Event{}, err
	}
	ctx, span := startAppendSpan(ctx, j, jobID, fact.FactKind())
	defer func() { EndSpan(span, err) }()
	setTraceHeader(ctx, msg.Header)
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	seq, err := l.store(ctx, j.guard(), jobID, msg)
	if err != nil {
		return Event{}, fmt.Errorf("append %s: %w", fact.FactKind(), err)
	}
	e := Event{JobID: jobID, Kind: fact.FactKind(), Seq: seq, Owner: owner, At: fact.meta().At, Cause: cause,
		Trace: msg.Header.Get(HeaderTrace), Fact: fact}
	if err := j.Apply(e); err != nil {
		return Event{}, err
	}
	return e, nil
}

// store publishes a fact under the guard seq and returns its sequence. The error
// is ErrConflict when the job has a newer message.
func (l *Log) store(ctx context.Context, guard uint64, jobID string, msg *nats.Msg) (uint64, error) {
	id := msg.Header.Get(HeaderMsgID)
	for {
		ack, err := l.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(StreamFacts),
			jetstream.WithExpectLastSequenceForSubject(guard, JobFilter(jobID)),
			jetstream.WithRetryAttempts(electionTries), jetstream.WithRetryWait(electionWait))
		switch {
		case IsConflict(err):
			// A stream with one replica checks the guard before the message id. So a
			// conflict may be our own earlier append, whose acknowledgement was lost.
			return l.findStored(ctx, msg)
		case err != nil:
			return 0, err
		case !ack.Duplicate:
			return ack.Sequence, nil
		}
		stored, err := l.read(ctx, func(s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
			return s.GetMsg(ctx, ack.Sequence)
		})
		switch {
		case err != nil:
			return 0, err
		case stored != nil && isTrusted(stored):
			return ack.Sequence, nil
		}
		// Somebody stored a message under our id that nobody believes.
		l.logger.WarnContext(ctx, "the id of a fact was taken by an untrusted message", "job", jobID, "seq", ack.Sequence)
		msg.Header.Set(HeaderMsgID, fmt.Sprintf("%s.%d", id, ack.Sequence))
	}
}

// findStored returns the sequence of a message that is stored already. The
// error is ErrConflict when it is not.
func (l *Log) findStored(ctx context.Context, msg *nats.Msg) (uint64, error) {
	m, err := l.read(ctx, func(s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetLastMsgForSubject(ctx, msg.Subject)
	})
	if err != nil {
		return 0, err
	}
	if m == nil || m.Header.Get(HeaderMsgID) != msg.Header.Get(HeaderMsgID) || !isTrusted(m) {
		return 0, ErrConflict
	}
	return m.Sequence, nil
}

// read returns a message that get finds in the log, nil when there is none.
func (l *Log) read(ctx context.Context, get func(jetstream.Stream) (*jetstream.RawStreamMsg, error)) (
	*jetstream.RawStreamMsg, error,
) {
	s, err := l.js.Stream(ctx, StreamFacts)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	m, err := get(s)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	return m, nil
}

func isTrusted(m *jetstream.RawStreamMsg) bool {
	_, err := Decode(m.Subject, m.Header, m.Data, m.Sequence)
	return err == nil
}

// IsConflict reports whether an append failed because of its guard.
func IsConflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeWrongLastSequence || api.ErrorCode == codeAppendInFlight)
}

// conflictWait is the longest wait after the first conflict.
const conflictWait = 2 * time.Millisecond

// WaitAfterConflict waits before somebody who met conflicts in a row, from 1, tries again.
// On a replicated stream what the other has written takes a moment until it can be read,
// and many who try again at once keep each other from it. The longest wait doubles each
// time, up to an eighth of a second. The error is that of ctx.
func WaitAfterConflict(ctx context.Context, conflicts int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(conflictWait << min(conflicts-1, 6))):
		return nil
	}
}
