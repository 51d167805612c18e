package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Step is a part of a job as clients see it. Each step has a band of
// percentages.
type Step string

// The six steps of a job on the wire.
const (
	Initialization     Step = "initialization"
	FileReading        Step = "file_reading"
	PreValidation      Step = "pre_validation"
	IECVerification    Step = "iec_verification"
	DatabaseOperations Step = "database_operations"
	ReportGeneration   Step = "report_generation"
)

// Band returns the percentages at which the step begins and ends.
func (s Step) Band() (from, to int) {
	switch s {
	case FileReading:
		return 10, 20
	case PreValidation:
		return 25, 40
	case IECVerification:
		return 45, 60
	case DatabaseOperations:
		return 65, 80
	case ReportGeneration:
		return 85, 100
	}
	return 0, 0
}

// FirstStep returns the step that a stage shows before it has reported
// progress.
func (s Stage) FirstStep() Step {
	switch s {
	case StageValidation:
		return FileReading
	case StageIEC:
		return IECVerification
	case StagePersistence:
		return DatabaseOperations
	case StageReport:
		return ReportGeneration
	}
	return Initialization
}

// Percent returns where in its band a step is after done of total rows. A total
// of 0 gives the beginning of the band. The result is at most 99: only the fact
// reported means 100.
func (s Step) Percent(done, total int) int {
	from, to := s.Band()
	if total <= 0 {
		return from
	}
	return min(from+(to-from)*min(max(done, 0), total)/total, 99)
}

// Status is the state of a job.
type Status string

// The states of a job.
const (
	StatusPending    Status = "pending"
	StatusProcessing Status = "processing"
	StatusPaused     Status = "paused"
	StatusCompleted  Status = "completed"
	StatusFailed     Status = "failed"
	StatusCancelled  Status = "cancelled"
	// StatusAwaiting: the job waits for somebody who approves or declines it.
	StatusAwaiting Status = "awaiting_approval"
	StatusDeclined Status = "declined"
)

// Statuses lists the states that a job may have.
var Statuses = []Status{
	StatusPending, StatusProcessing, StatusPaused, StatusAwaiting,
	StatusCompleted, StatusFailed, StatusCancelled, StatusDeclined,
}

// Progress is the newest state of the stage that works on a job. The stream
// BULK_PROGRESS keeps one message per job. The runner also keeps its count of
// failures here, so that the count survives the process.
type Progress struct {
	JobID   string    `json:"job_id"`
	Kind    Kind      `json:"type"`
	At      time.Time `json:"at"`
	Service Stage     `json:"service"`
	Step    Step      `json:"stage"`
	Percent int       `json:"progress"`
	Message string    `json:"message"`
	Status  Status    `json:"status"`
	// Processed and Total count rows; both are 0 when the step has none.
	Processed int `json:"rows_processed"`
	Total     int `json:"rows_total"`
	// ETA is when the step will be done at its present speed; zero while nobody
	// knows.
	ETA time.Time `json:"eta,omitzero"`
	// Trigger is the sequence of the fact that the stage works on.
	Trigger uint64 `json:"trigger_seq"`
	// Failures counts the failed attempts at that fact.
	Failures int `json:"failures"`
	// Begun names the attempts at that fact that have begun and not ended: the one
	// that runs, and those whose process died meanwhile.
	Begun []string `json:"begun,omitempty"`
}

// Progress returns the newest progress of a job. Ok is false when there is
// none.
func (l *Log) Progress(ctx context.Context, jobID string) (p Progress, ok bool, err error) {
	p, seq, err := l.loadProgress(ctx, jobID)
	return p, seq != 0 && p.JobID != "", err
}

// loadProgress returns the newest progress of a job and its sequence in the
// stream, 0 when there is none. Progress that is not trusted has a sequence and
// is zero.
func (l *Log) loadProgress(ctx context.Context, jobID string) (p Progress, seq uint64, err error) {
	if !ValidJobID(jobID) {
		return Progress{}, 0, ErrNotFound
	}
	msgs, _, err := ReadBatch(ctx, l.js, StreamProgress, Subject(jobID, KindProgress), 1)
	if err != nil {
		return Progress{}, 0, fmt.Errorf("read progress: %w", err)
	}
	if len(msgs) == 0 {
		return Progress{}, 0, nil
	}
	m := msgs[len(msgs)-1]
	p, _, err = DecodeProgress(m.Subject, m.Header, m.Data)
	if errors.Is(err, ErrUntrusted) {
		l.logger.WarnContext(ctx, "untrusted progress skipped", "job", jobID, "seq", m.Sequence, "err", err)
		return Progress{}, m.Sequence, nil
	}
	return p, m.Sequence, err
}

// SetProgress replaces the newest progress of a job. It keeps who has begun, as
// long as stage and trigger are the same.
func (l *Log) SetProgress(ctx context.Context, j *Job, p Progress) error {
	return l.ChangeProgress(ctx, j, func(newest *Progress) error {
		p.Begun = nil
		if newest.Service == p.Service && newest.Trigger == p.Trigger {
			p.Begun = newest.Begun
		}
		*newest = p
		return nil
	})
}

// ChangeProgress replaces the newest progress of a job by what change makes of
// it; it is zero when there is none. When another process was first, change is
// called again with what that one stored. When change returns an error, nothing
// is stored and the error is returned.
func (l *Log) ChangeProgress(ctx context.Context, j *Job, change func(*Progress) error) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	for conflicts := 1; ; conflicts++ {
		p, seq, err := l.loadProgress(ctx, j.ID)
		if err != nil {
			return err
		}
		if err := change(&p); err != nil {
			return err
		}
		err = l.putProgress(ctx, j, p, seq)
		if !IsConflict(err) {
			return err
		}
		if err := WaitAfterConflict(ctx, conflicts); err != nil {
			return fmt.Errorf("store progress: %w", err)
		}
	}
}

// putProgress stores progress if the newest one is still that of the sequence
// seq.
func (l *Log) putProgress(ctx context.Context, j *Job, p Progress, seq uint64) error {
	p.JobID, p.Kind, p.At = j.ID, KindProgress, l.now().UTC()
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode progress: %w", err)
	}
	msg := nats.NewMsg(Subject(j.ID, KindProgress))
	msg.Data = body
	id := fmt.Sprintf("%s.progress.%d", j.ID, p.At.UnixNano())
	setHeaders(msg.Header, id, j.ID, j.Owner.ID, KindProgress, l.source, p.At)
	if _, err := l.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(StreamProgress),
		jetstream.WithExpectLastSequencePerSubject(seq)); err != nil {
		return fmt.Errorf("store progress: %w", err)
	}
	return nil
}
