package stage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

const progressEvery = 250 * time.Millisecond

// Work is one message in a handler's hands.
type Work struct {
	// Job is the fold of the job up to the fact that set the stage to work.
	Job events.Job
	// Delivery counts how often the message was handed out, from 1.
	Delivery uint64

	runner *Runner
	ctx    context.Context

	mu       sync.Mutex
	last     events.Progress
	sent     time.Time
	moved    time.Time // when it last came forward
	failures int
}

// Undone is the job whose writing this one takes back.
func (w *Work) LoadUndone(ctx context.Context) (events.Job, error) {
	job, err := w.runner.Log.Load(ctx, w.Job.Options.Undoes)
	if err == nil && job.Persisted == nil {
		err = fmt.Errorf("undo: job %s was never written", job.ID)
	}
	return job, err
}

// ArtifactName names an artifact of this piece of work: <jobId>/<name>, and
// behind it what makes it this attempt's own. A worker that was thought dead
// may write at the same time as its successor; were the names the same, it
// could replace what a fact of the successor names already. The count of the
// delivery is not enough: a server that was killed may count some again.
func (w *Work) ArtifactName(name string) string {
	return fmt.Sprintf("%s/%s.%d.%s", w.Job.ID, name, w.Job.Trigger, uuid.NewString())
}

// Header is the header of an artifact of this job.
func (w *Work) Header(artifact string) records.Header {
	return records.Header{Artifact: artifact, JobID: w.Job.ID}
}

// Progress tells how far a step has come, in rows; a total of 0 means that the
// step has no rows to count. It may be called as often as is convenient: a
// quarter of a second apart is published, and each first of a step. Losing one
// harms nobody, so an error is logged and not returned.
func (w *Work) Progress(step events.Step, done, total int, message string) {
	w.ProgressUntil(step, done, total, message, time.Time{})
}

// ProgressUntil is Progress with the time at which the step will be done; zero
// says that it is not known.
func (w *Work) ProgressUntil(step events.Step, done, total int, message string, eta time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.last.Step != step
	now := w.runner.now()
	if first || done != w.last.Processed {
		w.moved = now
	}
	w.last = events.Progress{
		Service: w.runner.Stage, Step: step, Percent: step.Percent(done, total), Message: message,
		Status: events.StatusProcessing, Processed: done, Total: total, ETA: eta.UTC(), Trigger: w.Job.Trigger, Failures: w.failures,
	}
	if !first && now.Sub(w.sent) < progressEvery {
		return
	}
	w.sent = now
	w.storeProgress(w.last)
}

// newest is the newest progress, or what there is to say before any.
func (w *Work) latestProgress() events.Progress {
	w.mu.Lock()
	p := w.last
	w.mu.Unlock()
	if p.Step == "" {
		p = events.Progress{Step: w.runner.Stage.FirstStep(), Percent: w.Job.Standing.Percent, Status: events.StatusProcessing}
	}
	p.Service, p.Trigger, p.Failures = w.runner.Stage, w.Job.Trigger, w.failures
	return p
}

func (w *Work) storeProgress(p events.Progress) {
	if w.ctx.Err() != nil {
		return
	}
	if err := w.runner.Log.SetProgress(w.ctx, &w.Job, p); err != nil && w.ctx.Err() == nil {
		w.runner.logger().Warn("progress not stored", "job", w.Job.ID, "err", err)
	}
}

// Warn says that most of the quota is spent. It is a fact, once between two
// pauses however often the stage is run. That it could not be stored is logged:
// no work is given up for a warning.
func (w *Work) Warn(quota events.Quota, message string) {
	if w.Job.Kind == events.KindWarned || w.ctx.Err() != nil {
		return
	}
	done, total := w.rows()
	fact := &events.Warned{Stage: w.runner.Stage, Message: message, Processed: done, Total: total, Quota: quota}
	if _, err := w.runner.Log.Append(context.WithoutCancel(w.ctx), &w.Job, w.Job.Seq, fact); err != nil {
		w.runner.logger().Warn("warning not stored", "job", w.Job.ID, "err", err)
	}
}

// rows is how far the last Progress said that the work is.
func (w *Work) rows() (done, total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.Processed, w.last.Total
}
