package upload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

const (
	// prefetch is few enough that all can be settled within AckWait, even when
	// each waits for a database that does not answer.
	prefetch    = 10
	upsertTime  = 5 * time.Second
	projectTime = 3 * time.Second
	// strays is how often a fact may come whose job cannot be found: a server
	// that lags behind answers so, and a forgery does for ever.
	strays = 10
)

// Run keeps the table jobs up with the log until ctx ends. Any number of
// processes may run it: each message makes the job's row what the whole log
// says, and an older one never replaces a newer.
func (s *Service) Run(ctx context.Context) error {
	opts := events.ConsumeOptions{Prefetch: prefetch, Logger: s.cfg.Logger}
	return events.Consume(ctx, s.cfg.Log.JetStream(), events.ConsumerProjection, opts, s.projectFact)
}

// projectFact makes the row of a fact's job what the whole log says.
func (s *Service) projectFact(ctx context.Context, d events.Delivery) error {
	job, err := s.cfg.Log.Load(ctx, d.JobID)
	if errors.Is(err, events.ErrNotFound) && d.Count >= strays {
		s.cfg.Logger.ErrorContext(ctx, "fact of a job that was never uploaded", "job", d.JobID, "seq", d.Seq)
		return events.Terminate("no such job")
	}
	if err == nil && job.Seq < d.Seq {
		err = fmt.Errorf("log answers with %d facts less than known", d.Seq-job.Seq)
	}
	if err != nil {
		return err
	}
	return s.project(ctx, &job)
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
