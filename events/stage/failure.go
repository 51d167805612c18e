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
)

// protect keeps a panic in the handler, or in a library below it, to this job.
func (r *Runner) protect(ctx context.Context, w *Work) (fact events.Fact, err error) {
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

// failed counts a failure, durably, and hands the message back or gives up,
// which it reports.
func (r *Runner) failed(ctx context.Context, msg jetstream.Msg, w *Work, err error, log *slog.Logger) (gaveUp bool) {
	w.failures++
	var p *panicError
	if errors.As(err, &p) {
		log.Error("panic", "type", fmt.Sprintf("%T", p.value), "stack", string(p.stack))
	}
	if w.failures >= cmp.Or(r.Attempts, 5) {
		log.Error("gave up", "failures", w.failures, "err", err)
		code, message := "internal_error", "Something went wrong on our side. Please retry the job; if it fails again, contact support with the job id."
		if errors.Is(err, events.ErrAltered) || errors.Is(err, events.ErrGone) {
			code, message = "artifact_damaged", "A stored file of this job is missing or damaged. Please retry the job once it has been put back, or upload the spreadsheet again."
		}
		if errors.Is(err, jetstream.ErrAsyncPublishTimeout) {
			// NATS answers to what is asked and stores nothing: its disk has no room, or is broken.
			code, message = "storage_unavailable", "What was made of this job could not be stored. Please retry the job later; nothing of it is lost."
		}
		r.fail(ctx, msg, w, &Rejection{Code: code, Message: message, Retryable: true, Err: err}, w.failures)
		return true
	}
	log.Warn("failed, will be tried again", "failures", w.failures, "err", err)
	last := w.newest()
	last.Message = fmt.Sprintf("Attempt %d failed, trying again", w.failures)
	w.store(last)
	r.settle(msg, "postpone", msg.NakWithDelay(r.backoff(w.failures)))
	return false
}

func (r *Runner) fail(ctx context.Context, msg jetstream.Msg, w *Work, reject *Rejection, attempts int) {
	fact := &events.Failed{Stage: r.Stage, Code: reject.Code, Message: reject.Message, Attempts: attempts, Retryable: reject.Retryable}
	if r.append(ctx, msg, &w.Job, w.Job.Trigger, fact) {
		r.settle(msg, "terminate", msg.TermWithReason(reject.Code))
	}
}
