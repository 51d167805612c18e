package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// callHandler calls the handler and turns a panic into an error, so that other
// jobs go on.
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

// retry counts a failure and stores the count. It returns what settles the
// message: it is delivered again after a wait, or the job fails because this
// was the last attempt.
func (r *Runner) retry(ctx context.Context, w *Work, err error, log *slog.Logger) (result error, gaveUp bool) {
	w.failures++
	if p, ok := errors.AsType[*panicError](err); ok {
		log.ErrorContext(ctx, "handler panicked", "type", fmt.Sprintf("%T", p.value), "stack", string(p.stack))
	}
	if w.failures >= r.attempts() {
		log.ErrorContext(ctx, "stage gave up, job fails", "failures", w.failures, "err", err)
		return r.fail(ctx, w, rejectionOf(err), w.failures), true
	}
	log.WarnContext(ctx, "attempt failed, will be repeated", "failures", w.failures, "err", err)
	p := w.latestProgress()
	p.Message = fmt.Sprintf("Attempt %d failed, trying again", w.failures)
	w.storeProgress(p)
	return events.Redeliver(r.backoff(w.failures), err), false
}

// rejectionOf returns what the user reads about the error of the last attempt.
func rejectionOf(err error) *Rejection {
	shown := refusal.New("internal_error", "Something went wrong on our side. "+
		"Please retry the job; if it fails again, contact support with the job id.")
	switch {
	case errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		// NATS answers requests and stores nothing: its disk is full or broken.
		shown = refusal.New("storage_unavailable",
			"What was made of this job could not be stored. Please retry the job later; nothing of it is lost.")
	case errors.Is(err, events.ErrAltered), errors.Is(err, events.ErrMissing):
		shown = refusal.New("artifact_damaged", "A stored file of this job is missing or damaged. "+
			"Please retry the job once it has been put back, or upload the spreadsheet again.")
	}
	shown.Err = err
	return &Rejection{Refusal: shown, Retryable: true}
}

// fail appends the fact failed and terminates the message.
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
