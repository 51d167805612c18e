package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rollcall.example/events"
)

const (
	// prefetch is few enough that all can be settled within AckWait, even when each
	// waits for a database that does not answer.
	prefetch = 10
	// maxStray is how often a fact may come whose job cannot be found: a server
	// that lags behind answers so, and a forgery does for ever.
	maxStray = 10
)

// Run keeps the table up with the log, and its sums short, until ctx ends. Any number of processes may
// run it: each message makes the job's row what the whole log says, and an older
// one never replaces a newer.
func (t *Table) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var sums sync.WaitGroup
	sums.Go(func() { t.keepSums(ctx) })
	defer sums.Wait()
	defer cancel()
	opts := events.ConsumeOptions{Prefetch: prefetch, Logger: t.logger}
	return events.Consume(ctx, t.log.JetStream(), events.ConsumerProjection, opts, t.project)
}

// project makes the row of a fact's job what the whole log says.
func (t *Table) project(ctx context.Context, d events.Delivery) error {
	job, err := t.log.Load(ctx, d.JobID)
	if errors.Is(err, events.ErrNotFound) && d.Count >= maxStray {
		t.logger.ErrorContext(ctx, "fact of a job that was never uploaded", "job", d.JobID, "seq", d.Seq)
		return events.Terminate("no such job")
	}
	if err == nil && job.Seq < d.Seq {
		err = fmt.Errorf("log answers with job %s at %d, before its fact at %d", d.JobID, job.Seq, d.Seq)
	}
	if err != nil {
		return err
	}
	return t.Save(ctx, &job)
}
