package stage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
)

const (
	// progressEvery and progressSeldom are the least and the longest time from one report
	// to the next.
	progressEvery, progressSeldom = 250 * time.Millisecond, 5 * time.Second
	// progressShare says which part of its time a stage waits for reports to be stored, at
	// most: one in so many. Where the disk is busy, they come less often.
	progressShare = 20
)

// progressWait returns the time from a report that took so long to store to the next.
func progressWait(took time.Duration) time.Duration {
	return min(max(progressEvery, progressShare*took), progressSeldom)
}

// Work is one attempt of a stage at a job.
type Work struct {
	// Job is the job as it was when the attempt began.
	Job events.Job
	// Delivery is how often the message was delivered, from 1.
	Delivery uint64

	runner *Runner
	ctx    context.Context
	// attempt is the name under which Progress.Begun knows the attempt, and begun
	// the job as it was then. Taking the attempt back may meet a fact that is being
	// appended, which changes Job.
	attempt string
	begun   events.Job
	ended   sync.Once
	small   bool
	began   time.Time

	mu       sync.Mutex
	gaveWay  time.Duration // to small jobs
	last     events.Progress
	next     time.Time // when the next report may be sent
	moved    time.Time // when it last made progress
	failures int
}

// LoadUndone loads the job that this one undoes.
func (w *Work) LoadUndone(ctx context.Context) (events.Job, error) {
	job, err := w.runner.Log.Load(ctx, w.Job.Options.Undoes)
	if err == nil && job.Persisted == nil {
		err = fmt.Errorf("undo: job %s has written nothing", job.ID)
	}
	return job, err
}

// LoadCompleted loads the job whose waiting rows this one writes.
func (w *Work) LoadCompleted(ctx context.Context) (events.Job, error) {
	job, err := w.runner.Log.Load(ctx, w.Job.Options.Completes)
	if err == nil && (job.Persisted == nil || job.Validated == nil || job.Verified == nil) {
		err = fmt.Errorf("complete: job %s has no rows that wait", job.ID)
	}
	return job, err
}

// LoadCommitted loads the dry run that this job commits. The error is a Rejection
// when what that one has found is kept no longer.
func (w *Work) LoadCommitted(ctx context.Context) (events.Job, error) {
	job, err := w.runner.Log.Load(ctx, w.Job.Options.Commits)
	if err != nil {
		return job, err
	}
	if job.Reported == nil || !job.Options.DryRun {
		return job, fmt.Errorf("commit: job %s is no finished dry run", job.ID)
	}
	for _, a := range job.Inputs()[1:] { // the upload is not read again
		if job.Removed(a) != nil {
			return job, Reject(refusal.CodeExpired,
				"What the dry run has found is kept no longer. Please upload the file again.", nil)
		}
	}
	return job, nil
}

// ArtifactName returns a name for an artifact of this attempt: <jobId>/<name>
// and a suffix that no other attempt has. A worker that lost its lease may
// still write while its successor does. With equal names it could replace an
// artifact that a fact of the successor names. The count of deliveries is not
// enough, because a killed server may count some again.
func (w *Work) ArtifactName(name string) string {
	return fmt.Sprintf("%s/%s.%d.%s", w.Job.ID, name, w.Job.Trigger, uuid.NewString())
}

// Header returns the header for an artifact of this job.
func (w *Work) Header(artifact string) records.Header {
	return records.Header{Artifact: artifact, JobID: w.Job.ID}
}

// Progress reports how many rows of a step are done. A total of 0 means that
// the step has no rows to count. It may be called often: it publishes the first
// report of a step and then at most one every 250 ms, fewer where it takes long to
// store one. An error is logged and not returned, because a lost report does no harm.
// Where the runner says so, it lets small jobs go first.
func (w *Work) Progress(step events.Step, done, total int, message string) {
	w.ProgressUntil(step, done, total, message, time.Time{})
}

// ProgressUntil is Progress with the time when the step will be done; zero when
// nobody knows.
func (w *Work) ProgressUntil(step events.Step, done, total int, message string, eta time.Time) {
	w.noteProgress(step, done, total, message, eta)
	w.giveWay()
}

func (w *Work) noteProgress(step events.Step, done, total int, message string, eta time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.last.Step != step
	now := w.runner.now()
	if first || done != w.last.Processed {
		w.moved = now
	}
	w.last = events.Progress{
		Service: w.runner.Stage, Step: step, Percent: step.Percent(done, total), Message: message,
		Status: events.StatusProcessing, Processed: done, Total: total, ETA: eta.UTC(),
		Trigger: w.Job.Trigger, Failures: w.failures,
	}
	began := time.Now() // whatever a clock does meanwhile
	if !first && began.Before(w.next) {
		return
	}
	w.storeProgress(w.last)
	w.next = began.Add(progressWait(time.Since(began)))
}

// latestProgress returns the last reported progress, or that of the beginning
// of the stage.
func (w *Work) latestProgress() events.Progress {
	w.mu.Lock()
	p := w.last
	w.mu.Unlock()
	if p.Step == "" {
		p = events.Progress{
			Step: w.runner.Stage.FirstStep(), Percent: w.Job.Standing.Percent, Status: events.StatusProcessing,
		}
	}
	p.Service, p.Trigger, p.Failures = w.runner.Stage, w.Job.Trigger, w.failures
	return p
}

func (w *Work) storeProgress(p events.Progress) {
	if w.ctx.Err() != nil {
		return
	}
	if err := w.runner.Log.SetProgress(w.ctx, &w.Job, p); err != nil && w.ctx.Err() == nil {
		w.runner.logger().WarnContext(w.ctx, "progress not stored", "job", w.Job.ID, "err", err)
	}
}

// Warn appends the fact warned: most of the quota is used. It does so once
// between two pauses, even when the stage runs again. An error is logged and
// not returned, because the work is worth more than the warning.
func (w *Work) Warn(quota events.Quota, message string) {
	if w.Job.Kind == events.KindWarned || w.ctx.Err() != nil {
		return
	}
	done, total := w.rows()
	fact := &events.Warned{Stage: w.runner.Stage, Message: message, Processed: done, Total: total, Quota: quota}
	if _, err := w.runner.Log.Append(context.WithoutCancel(w.ctx), &w.Job, w.Job.Seq, fact); err != nil {
		w.runner.logger().WarnContext(w.ctx, "warning not stored", "job", w.Job.ID, "err", err)
	}
}

// rows returns what the last Progress said.
func (w *Work) rows() (done, total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.Processed, w.last.Total
}
