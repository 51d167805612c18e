package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of the log.
var (
	// ErrNotFound: no job of that id has been uploaded.
	ErrNotFound = errors.New("job not found")
	// ErrConflict: another writer was first. Load the job and decide again.
	ErrConflict = errors.New("job has moved on")
)

// The server's codes for a guard that did not hold: 10071 on any stream, 10164
// on a replicated one while another append to the job is under way.
const (
	codeWrongLastSequence = 10071
	codeAppendInFlight    = 10164
)

const publishTimeout = apiTimeout

// While a stream of several servers chooses a new leader nobody answers: an
// append is offered again for ten seconds.
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

// NewLog returns the log as the given stage writes it; the stage becomes the
// CloudEvents source of its facts. A nil logger discards.
func NewLog(js jetstream.JetStream, source Stage, logger *slog.Logger) *Log {
	return &Log{js: js, source: source, logger: Logger(logger), now: time.Now}
}

// JetStream is the context that the log was made with.
func (l *Log) JetStream() jetstream.JetStream { return l.js }

// Replay returns the facts of a job after the given sequence, oldest first.
// Messages that cannot be believed are left out and logged.
func (l *Log) Replay(ctx context.Context, jobID string, after uint64) ([]Event, error) {
	list, _, err := l.replay(ctx, jobID, after)
	return list, err
}

func (l *Log) replay(ctx context.Context, jobID string, after uint64) (list []Event, last uint64, err error) {
	if !ValidJobID(jobID) {
		return nil, 0, ErrNotFound
	}
	last = after
	for m, err := range Messages(ctx, l.js, StreamFacts, JobFilter(jobID), after+1) {
		if err != nil {
			return nil, 0, fmt.Errorf("replay job: %w", err)
		}
		last = m.Sequence
		e, err := Decode(m.Subject, m.Header, m.Data, m.Sequence)
		if errors.Is(err, ErrNewer) {
			// Without it the job would not look as it stands.
			return nil, 0, fmt.Errorf("replay job: %w", err)
		}
		if err != nil {
			l.logger.WarnContext(ctx, "message left out of the history", "seq", m.Sequence, "err", err)
			continue
		}
		list = append(list, e)
	}
	return list, last, nil
}

// Load folds a job from its facts. The error is ErrNotFound when there are none.
func (l *Log) Load(ctx context.Context, jobID string) (Job, error) {
	list, last, err := l.replay(ctx, jobID, 0)
	if err != nil {
		return Job{}, err
	}
	var j Job
	for _, e := range list {
		if err := j.Apply(e); err != nil {
			l.logger.Warn("fact left out of the fold", "job", jobID, "seq", e.Seq, "err", err)
		}
	}
	if j.ID == "" {
		return Job{}, ErrNotFound
	}
	// What was left out still counts for the guard.
	j.Seq = last
	return j, nil
}

// Append stores a fact that follows from the job as it was loaded, guarded by
// the job's last sequence, and applies it to j. Cause is the sequence of the
// fact that led to it. Storing the same fact again is no error.
//
// ErrNotAllowed: the job's state forbids it. ErrConflict: the job has moved on
// since it was loaded. Any other error leaves open whether it was stored.
func (l *Log) Append(ctx context.Context, j *Job, cause uint64, fact Fact) (_ Event, err error) {
	if err := j.Allows(fact); err != nil {
		return Event{}, err
	}
	jobID, owner := j.ID, j.Owner.ID
	if up, ok := fact.(*Uploaded); ok {
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
	ack, err := l.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(StreamFacts),
		jetstream.WithExpectLastSequenceForSubject(j.Seq, JobFilter(jobID)),
		jetstream.WithRetryAttempts(electionTries), jetstream.WithRetryWait(electionWait))
	var seq uint64
	switch {
	case err == nil:
		seq = ack.Sequence
	case IsConflict(err):
		// With one replica the guard is checked before the message id, so our
		// own earlier append, whose acknowledgement was lost, looks like a
		// conflict too.
		if seq, err = l.findStored(ctx, msg); err != nil {
			return Event{}, err
		}
	default:
		return Event{}, fmt.Errorf("append %s: %w", fact.FactKind(), err)
	}
	e := Event{JobID: jobID, Kind: fact.FactKind(), Seq: seq, Owner: owner, At: fact.meta().At, Cause: cause,
		Trace: msg.Header.Get(HeaderTrace), Fact: fact}
	if err := j.Apply(e); err != nil {
		return Event{}, err
	}
	return e, nil
}

// stored looks for the message's id in the log and returns its sequence.
func (l *Log) findStored(ctx context.Context, msg *nats.Msg) (uint64, error) {
	id := msg.Header.Get(HeaderMsgID)
	s, err := l.js.Stream(ctx, StreamFacts)
	if err != nil {
		return 0, fmt.Errorf("append: read back: %w", err)
	}
	m, err := s.GetLastMsgForSubject(ctx, msg.Subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("append: read back: %w", err)
	}
	if m.Header.Get(HeaderMsgID) != id {
		return 0, ErrConflict
	}
	return m.Sequence, nil
}

// IsConflict says whether the guard of an append did not hold: another was first.
func IsConflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeWrongLastSequence || api.ErrorCode == codeAppendInFlight)
}
