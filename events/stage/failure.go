package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// protect keeps a panic in the handler, or in a library below it, to this job.
func (r *Runner) callHandler(ctx context.Context, w *Work) (fact events.Fact, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	fact, err = r.Handle(ctx, w)
	if err == nil && fact == nil {
		err = errors.New("handler returned neither fact nor error")
	}
	return fact, err
}

// retry counts a failure, durably, and returns what settles the message: it comes
// again after a while, or the job fails because this attempt was the last.
func (r *Runner) retry(ctx context.Context, w *Work, err error, log *slog.Logger) (result error, gaveUp bool) {
	w.failures++
	if p, ok := errors.AsType[*panicError](err); ok {
		log.ErrorContext(ctx, "panic", "type", fmt.Sprintf("%T", p.value), "stack", string(p.stack))
	}
	if w.failures >= cmp.Or(r.Attempts, 5) {
		log.ErrorContext(ctx, "gave up", "failures", w.failures, "err", err)
		return r.fail(ctx, w, rejectionOf(err), w.failures), true
	}
	log.WarnContext(ctx, "failed, will be tried again", "failures", w.failures, "err", err)
	last := w.latestProgress()
	last.Message = fmt.Sprintf("Attempt %d failed, trying again", w.failures)
	w.storeProgress(last)
	return events.Redeliver(r.backoff(w.failures), err), false
}

// rejectionOf returns what the user is told about the error of the last attempt.
func rejectionOf(err error) *Rejection {
	told := refusal.New("internal_error", "Something went wrong on our side. "+
		"Please retry the job; if it fails again, contact support with the job id.")
	switch {
	case errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		// NATS answers requests and stores nothing: its disk is full or broken.
		told = refusal.New("storage_unavailable",
			"What was made of this job could not be stored. Please retry the job later; nothing of it is lost.")
	case errors.Is(err, events.ErrAltered), errors.Is(err, events.ErrMissing):
		told = refusal.New("artifact_damaged", "A stored file of this job is missing or damaged. "+
			"Please retry the job once it has been put back, or upload the spreadsheet again.")
	}
	told.Err = err
	return &Rejection{Refusal: told, Retryable: true}
}

// fail stores the fact that the stage gave up, and terminates the message.
func (r *Runner) fail(ctx context.Context, w *Work, reject *Rejection, attempts int) error {
	fact := &events.Failed{
		Stage: r.Stage, Code: reject.Refusal.Code, Message: reject.Refusal.Message,
		Attempts: attempts, Retryable: reject.Retryable,
	}
	if err := r.append(ctx, &w.Job, w.Job.Trigger, fact); err != nil {
		return err
	}
	return events.Terminate(reject.Refusal.Code)
}
