package upload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

const (
	// prefetch is few enough that all can be settled within AckWait, even when
	// each waits for a database that does not answer.
	prefetch     = 10
	upsertTime   = 5 * time.Second
	projectTime  = 3 * time.Second
	maxRedeliver = time.Minute
	// strays is how often a fact may come whose job cannot be found: a server
	// that lags behind answers so, and a forgery does for ever.
	strays = 10
)

// Run keeps the table jobs up with the log until ctx ends. Any number of
// processes may run it: each message makes the job's row what the whole log
// says, and an older one never replaces a newer.
func (s *Service) Run(ctx context.Context) error {
	return events.Consume(ctx, s.cfg.Log.JetStream(), events.ConsumerProjection, prefetch, s.cfg.Logger, s.take)
}

// take projects the job of one fact and acknowledges it.
func (s *Service) take(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("message without metadata: %w", err)
	}
	seq := meta.Sequence.Stream
	log := s.cfg.Logger.With("subject", msg.Subject(), "seq", seq)
	e, err := events.Decode(msg.Subject(), msg.Headers(), msg.Data(), seq)
	if errors.Is(err, events.ErrNewer) {
		log.Warn("message left to a newer rollcall", "err", err)
		return msg.NakWithDelay(maxRedeliver)
	}
	if err != nil {
		log.Error("message refused", "err", err)
		return msg.TermWithReason("disbelieved")
	}
	job, err := s.cfg.Log.Load(ctx, e.JobID)
	if errors.Is(err, events.ErrNotFound) && meta.NumDelivered >= strays {
		log.Error("fact of a job that was never uploaded", "job", e.JobID)
		return msg.TermWithReason("no such job")
	}
	if err == nil && job.Seq < seq {
		err = fmt.Errorf("log answers with %d facts less than known", seq-job.Seq)
	}
	if err == nil {
		err = s.project(ctx, &job)
	}
	if ctx.Err() != nil {
		return msg.Nak()
	}
	if err != nil {
		delay := min(time.Second<<min(meta.NumDelivered-1, 6), maxRedeliver)
		log.Warn("job not projected yet", "job", e.JobID, "again_in", delay, "err", err)
		return msg.NakWithDelay(delay)
	}
	return msg.DoubleAck(ctx)
}

// project makes the row of a job what its facts say, unless it says newer ones.
func (s *Service) project(ctx context.Context, j *events.Job) (err error) {
	ctx, span := postgres.Span(ctx, "project job")
	defer func() { events.EndSpan(span, err) }()
	r, err := rowOf(j)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, upsertTime)
	defer cancel()
	if _, err := s.cfg.DB.NamedExecContext(ctx, upsertJob, r); err != nil {
		return fmt.Errorf("project job: %w", err)
	}
	return nil
}

// projectNow lets a user who lists jobs at once see what was just appended. The
// consumer does it in any case, so a failure harms nobody.
func (s *Service) projectNow(ctx context.Context, job events.Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), projectTime)
	defer cancel()
	if err := s.project(ctx, &job); err != nil {
		s.cfg.Logger.WarnContext(ctx, "job not projected at once", "job", job.ID, "err", err)
	}
}

var upsertJob = func() string {
	sets := make([]string, 0, len(rowColumns)-1)
	for _, c := range rowColumns[1:] {
		sets = append(sets, c+" = excluded."+c)
	}
	return `INSERT INTO jobs (` + strings.Join(rowColumns, ", ") + `) VALUES (:` + strings.Join(rowColumns, ", :") + `)
		ON CONFLICT (job_id) DO UPDATE SET ` + strings.Join(sets, ", ") + ` WHERE jobs.seq < excluded.seq`
}()
