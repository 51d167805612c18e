package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Progress returns the newest progress of a job. Ok is false when there is
// none.
func (l *Log) Progress(ctx context.Context, jobID string) (p Progress, ok bool, err error) {
	if !ValidJobID(jobID) {
		return Progress{}, false, ErrNotFound
	}
	msgs, _, err := ReadBatch(ctx, l.js, StreamProgress, Subject(jobID, KindProgress), 1)
	if err != nil {
		return Progress{}, false, fmt.Errorf("read progress: %w", err)
	}
	if len(msgs) == 0 {
		return Progress{}, false, nil
	}
	m := msgs[len(msgs)-1]
	p, _, err = DecodeProgress(m.Subject, m.Header, m.Data)
	if errors.Is(err, ErrUntrusted) {
		l.logger.WarnContext(ctx, "untrusted progress skipped", "job", jobID, "seq", m.Sequence, "err", err)
		return Progress{}, false, nil
	}
	return p, err == nil, err
}

// SetProgress replaces the newest progress of a job.
func (l *Log) SetProgress(ctx context.Context, j *Job, p Progress) error {
	p.JobID, p.Kind, p.At = j.ID, KindProgress, l.now().UTC()
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode progress: %w", err)
	}
	msg := nats.NewMsg(Subject(j.ID, KindProgress))
	msg.Data = body
	id := fmt.Sprintf("%s.progress.%d", j.ID, p.At.UnixNano())
	setHeaders(msg.Header, id, j.ID, j.Owner.ID, KindProgress, l.source, p.At)
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if _, err := l.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(StreamProgress)); err != nil {
		return fmt.Errorf("store progress: %w", err)
	}
	return nil
}
