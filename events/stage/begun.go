package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// A process that is killed counts nothing. So each attempt is written down before
// it begins, and taken back when it ends, however it ends. What is left belongs
// to processes that died.

// endTimeout limits taking an attempt back. A process that stops waits no
// longer.
const endTimeout = 3 * time.Second

var (
	// errMayKill means that the job may have killed a process and must run alone.
	errMayKill = errors.New("an earlier attempt has not ended")
	// errKills means that the job has killed its processes too often.
	errKills = errors.New("worker died in every attempt")
	// errOthersAlone means that another job runs alone, or waits to.
	errOthersAlone = errors.New("another job runs alone")
)

// admit begins an attempt: it stores that, and takes the job into the process.
// The caller calls leave when the job is done. stopping ends when the process
// stops. An error settles the message.
func (w *Work) admit(ctx, stopping context.Context, d events.Delivery, log *slog.Logger) (leave func(), err error) {
	r := w.runner
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(stopping, func() { stop(ErrShutdown) })()
	for alone := w.Job.WorkerDied; ; alone = true {
		if leave, err = r.process.admit(waiting, alone); err == nil {
			if err = w.begin(ctx, alone); err == nil {
				return leave, nil
			}
			leave()
		}
		if !errors.Is(err, errMayKill) {
			break
		}
		log.WarnContext(ctx, "an earlier attempt did not end, the job waits to run alone")
	}
	switch cause := context.Cause(waiting); {
	case errors.Is(err, errOthersAlone):
		return nil, events.Redeliver(laneWait(d.Stored), nil)
	case errors.Is(err, errKills):
		log.ErrorContext(ctx, "worker died in every attempt, job fails", "attempts", r.attempts())
		if r.Observe != nil {
			r.Observe(Attempt{End: EndFailed, Delivery: d.Count})
		}
		return nil, r.fail(ctx, w, workerDied(&w.Job), w.failures+r.attempts())
	case errors.Is(cause, ErrCancelled):
		return nil, w.settleCancelled(ctx)
	case errors.Is(cause, ErrLeaseLost):
		return nil, events.ErrUnsettled
	case errors.Is(cause, ErrShutdown):
		return nil, events.Redeliver(0, cause)
	case events.StorageFull(err):
		wait := r.storageWait(&w.Job)
		log.ErrorContext(ctx, "storage full, trying again", "again_in", wait, "err", err)
		r.noteStorage(err)
		return nil, events.Redeliver(wait, err)
	}
	log.WarnContext(ctx, "attempt not begun, trying again", "err", err)
	return nil, events.Redeliver(time.Second, err)
}

// begin stores that an attempt begins. The error is errMayKill when the job must
// run alone and does not, and errKills when there have been enough attempts.
func (w *Work) begin(ctx context.Context, alone bool) error {
	r := w.runner
	w.attempt, w.begun = r.process.beginAttempt(), w.Job
	err := r.Log.ChangeProgress(ctx, &w.Job, func(p *events.Progress) error {
		if p.Service == r.Stage && p.Trigger == w.Job.Trigger {
			w.failures, w.last = p.Failures, *p
		} else {
			*p = w.latestProgress()
		}
		unfinished := r.process.withoutEnded(p.Begun)
		switch {
		case len(unfinished) >= r.attempts():
			return errKills
		case len(unfinished) > 0 && !alone:
			return errMayKill
		case alone:
			p.Message = "The last attempt ended unexpectedly. Trying again, with no other job beside"
		}
		p.Begun = append(unfinished, w.attempt)
		return nil
	})
	if err != nil {
		r.process.endAttempt(w.attempt)
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}

// endAs ends the attempt. It stores that where the job goes on with the same
// trigger.
func (w *Work) endAs(attempt *Attempt) {
	switch attempt.End {
	case EndDone, EndFailed, EndCancelled:
		w.ended.Do(func() { w.runner.process.endAttempt(w.attempt) })
	default:
		w.takeBack()
	}
}

// takeBack stores that the attempt did not kill the process. When that fails,
// this process still knows; to another one the job looks like one that may kill
// it. Only the first call does something; others wait for it.
func (w *Work) takeBack() {
	w.ended.Do(func() {
		r := w.runner
		r.process.endAttempt(w.attempt)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), endTimeout)
		defer cancel()
		err := r.Log.ChangeProgress(ctx, &w.begun, func(p *events.Progress) error {
			i := slices.Index(p.Begun, w.attempt)
			if i < 0 || p.Service != r.Stage || p.Trigger != w.begun.Trigger {
				return errMovedOn
			}
			p.Begun = slices.Delete(p.Begun, i, i+1)
			return nil
		})
		if err != nil && !errors.Is(err, errMovedOn) {
			r.logger().WarnContext(ctx, "end of an attempt not stored", "job", w.begun.ID, "err", err)
		}
	})
}

func (r *Runner) attempts() int { return cmp.Or(r.Attempts, 5) }

// workerDied returns what the user reads about a job that kills its workers.
// Somebody may try once more, for example when the machine has more memory.
func workerDied(job *events.Job) *Rejection {
	message := "The program that works on this file ended unexpectedly in every attempt. " +
		"It may need more memory than there is. Please retry the job once, or split the file into smaller ones."
	if job.WorkerDied {
		message = "The program that works on this file ended unexpectedly in every attempt, after a retry too. " +
			"Please split the file into smaller ones and upload those."
	}
	return &Rejection{Refusal: refusal.New(events.FailedWorkerDied, message), Retryable: !job.WorkerDied}
}
