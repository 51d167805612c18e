package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
)

// Handler does the work of a stage on a job and returns the fact that the stage
// ends with. It stops soon after ctx ends; its result does not matter then. The
// runner repeats the work after any error but *Rejection and *Postponement, and
// for as long as it takes when the error is StorageFull.
type Handler func(ctx context.Context, w *Work) (events.Fact, error)

// Runner runs a stage. It takes messages from the durable consumer of the stage
// and is the only one that acknowledges them. It appends the fact first and
// acknowledges last: if it dies in between, the message comes again and the
// fact is found.
type Runner struct {
	Log    *events.Log
	Stage  events.Stage
	Handle Handler
	// Undo takes back what the stage did outside of the log, for a job that was
	// cancelled during the stage. The stage may have done nothing yet. The
	// runner repeats Undo until it returns nil. A nil Undo means that there is
	// nothing to take back.
	Undo func(ctx context.Context, job *events.Job) error
	// Workers is how many messages are handled at once, not counting two of
	// small jobs; 0 means 2.
	Workers int
	// GiveWay has big jobs wait for the small ones of the process, for a quarter of their
	// time at most. It is for stages that compute and hold nothing that others wait for.
	GiveWay bool
	// Attempts is how many failed attempts make the job fail, and how many in
	// which the process died; 0 means 5.
	Attempts int
	// Process is shared by all runners of a process; nil means that this one is
	// the only one.
	Process *Process
	// Backoff returns the wait after the nth failure, from 1. Nil means one
	// second, doubling up to a minute, with jitter.
	Backoff func(failures int) time.Duration
	// Wake chooses which of the parked jobs go on now, in the order in which they do. It
	// gets all of them, in the order in which their turn comes. Nil wakes one job after
	// the other when their time has come.
	Wake func(ctx context.Context, now time.Time, parked []Parked) []Parked
	// Grace is how long handlers may go on after the context of Run has ended;
	// 0 means 5 s.
	Grace time.Duration
	// AckWait is that of the consumer; 0 means events.AckWait.
	AckWait time.Duration
	// Logger logs attempts and failures; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Tracer makes a span of each attempt, a child of the span that stored the
	// fact before; nil means that nobody traces.
	Tracer trace.Tracer
	// Observe is called after each attempt, from several goroutines; nil means
	// that nobody counts.
	Observe func(Attempt)

	lanes       *lanes
	parked      parkedJobs
	process     *Process
	running     sync.Map // job id -> chan struct{}, on which its attempt hears of cancellations
	works       sync.Map // *Work -> nil
	storageFull atomic.Pointer[storageFull]
}

// Run works until ctx ends. Then it lets handlers finish within Grace and hands
// the other messages back. An error before that means that the stage cannot go
// on: its consumer is gone, or NATS has closed the connection for good.
func (r *Runner) Run(ctx context.Context) error {
	sub, err := r.watchCancelled()
	if err != nil {
		return fmt.Errorf("run %s: watch cancellations: %w", r.Stage, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection

	fetchers, ctx := errgroup.WithContext(ctx)
	// Handlers outlive ctx by the grace period.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	grace := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(cmp.Or(r.Grace, 5*time.Second), func() { stop(ErrShutdown) })
		context.AfterFunc(work, func() { t.Stop() })
	})
	defer grace()

	r.lanes = newLanes(cmp.Or(r.Workers, 2))
	if r.process = r.Process; r.process == nil {
		r.process = NewProcess()
	}
	for range r.lanes.fetchers() {
		fetchers.Go(func() error { return r.fetch(ctx, work) })
	}
	if r.Stage.Parks() {
		r.parked.r = r
		fetchers.Go(func() error { r.parked.run(ctx); return nil })
	}
	if err := fetchers.Wait(); err != nil {
		return fmt.Errorf("run %s: %w", r.Stage, err)
	}
	return nil
}

// fetch takes one message at a time. The lease of a message fetched in advance
// would run while nobody knows of it.
func (r *Runner) fetch(ctx, work context.Context) error {
	opts := events.ConsumeOptions{Logger: r.Logger, Parallel: r.lanes.parallel()}
	handle := func(_ context.Context, d events.Delivery) error {
		err := r.handle(events.WithTrace(work, d.Trace), ctx, d)
		if errors.Is(err, errMovedOn) {
			return nil
		}
		return err
	}
	return events.Consume(ctx, r.Log.JetStream(), string(r.Stage), opts, handle)
}

// errMovedOn means that the job no longer needs the work that a message asks
// for. The message is acknowledged.
var errMovedOn = errors.New("job has moved on")

// handle decides what a message asks for and does it. stopping ends when the
// process stops, ctx when handlers must have ended. It returns what settles the
// message.
func (r *Runner) handle(ctx, stopping context.Context, d events.Delivery) error {
	leave, again := r.lanes.enter(stopping, d.Seq, estimateRows(d.Fact), min(longestHold, r.ackWait()/3))
	switch again {
	case entered:
	case putBack:
		return events.Redeliver(0, nil) // another process may have a place
	default:
		return events.Redeliver(laneWait(d.Stored), nil)
	}
	defer leave()
	job, err := r.Log.Load(ctx, d.JobID)
	if errors.Is(err, events.ErrNotFound) && r.now().Sub(d.Stored) > replicaLag {
		r.logger().WarnContext(ctx, "message of a job that does not exist, terminated", "job", d.JobID, "seq", d.Seq)
		return events.Terminate("no such job")
	}
	if err != nil || job.Seq < d.Seq {
		// A replica of the stream may have answered that lacks the newest facts.
		r.logger().WarnContext(ctx, "job not loaded, trying again", "job", d.JobID, "seq", d.Seq, "err", err)
		return events.Redeliver(time.Second, err)
	}
	switch {
	case job.Cancelled != nil && job.Stage == r.Stage && job.Trigger == d.Seq:
		return r.undoCancelled(ctx, &job)
	case job.Next() != r.Stage || job.Asks() != d.Seq:
		return nil // already done, ended, or the turn of another stage
	case job.Paused != nil && r.Stage.Parks():
		return nil // the fact resumed asks for the rest
	case job.Paused != nil && r.now().Before(job.Paused.ResumesAt) && !events.WasSetBack(r.now(), job.Paused.At):
		return events.Redeliver(job.Paused.ResumesAt.Sub(r.now()), nil)
	}
	return r.attempt(ctx, stopping, d, job)
}

// replicaLag is longer than a replica of the stream may lack a fact that a
// consumer has delivered.
const replicaLag = time.Minute

// attempt runs the handler under a lease and turns its result into a fact.
func (r *Runner) attempt(ctx, stopping context.Context, d events.Delivery, job events.Job) error {
	log := r.logger().With("job", job.ID, "seq", job.Trigger, "delivery", d.Count)
	w := &Work{Job: job, Delivery: d.Count, runner: r, moved: r.now(), began: time.Now(),
		small: estimateRows(d.Fact) <= smallRows}
	ctx, cancel := context.WithCancelCause(events.WithJob(ctx, job.ID, r.Stage))
	heard := make(chan struct{}, 1)
	r.running.Store(job.ID, heard)
	var watching sync.WaitGroup
	watch := ctx
	watching.Go(func() { r.keepLease(watch, d, cancel) })
	watching.Go(func() { lookForCancelled(watch, r.Log, job, heard, cancel) })
	defer watching.Wait()
	defer cancel(nil)
	defer r.running.CompareAndDelete(job.ID, heard)

	leave, err := w.admit(ctx, stopping, d, log)
	if err != nil {
		return err
	}
	defer leave()
	ctx, span := r.startSpan(ctx, &job, d.Count)
	if sc := span.SpanContext(); sc.HasTraceID() {
		log = log.With("trace", sc.TraceID())
	}
	w.ctx = ctx
	attempt := Attempt{End: EndLost, Delivery: d.Count}
	defer w.endAs(&attempt)
	// A process that stops may be killed when it takes too long; that is not the
	// fault of the job.
	defer context.AfterFunc(stopping, w.takeBack)()
	defer r.trackAttempt(w, span, &attempt)()
	if job.Paused != nil {
		resumed := &events.Resumed{Stage: r.Stage, Processed: job.Paused.Processed, Total: job.Paused.Total}
		if err := r.append(ctx, &w.Job, job.Seq, resumed); err != nil {
			return err
		}
	}
	if r.GiveWay && w.small {
		defer r.process.beginSmall()()
	}
	began := time.Now()
	fact, err := r.callHandler(ctx, w)
	log = log.With("took", time.Since(began).Round(time.Millisecond))

	var reject *Rejection
	var postponed *Postponement
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrCancelled):
		log.InfoContext(ctx, "attempt stopped, job cancelled")
		attempt.End = EndCancelled
		return w.settleCancelled(ctx)
	case errors.Is(cause, ErrLeaseLost):
		log.WarnContext(ctx, "attempt stopped, lease lost to another worker")
		return events.ErrUnsettled
	case err == nil:
		if err := r.append(ctx, &w.Job, job.Trigger, fact); err != nil {
			return err
		}
		log.InfoContext(ctx, "attempt done", "fact", fact.FactKind())
		attempt.End, attempt.Rows = EndDone, rowsOf(fact)
		return nil
	case errors.Is(cause, ErrShutdown):
		log.InfoContext(ctx, "attempt stopped, message handed back")
		attempt.End = EndHandedBack
		return events.Redeliver(0, cause)
	case events.StorageFull(err): // whatever error of the handler wraps it
		wait := r.storageWait(&w.Job)
		log.ErrorContext(ctx, "storage full, trying again", "again_in", wait, "err", err)
		attempt.End = EndStorageFull
		r.noteStorage(err)
		w.takeBack()
		r.reportStorageFull(w)
		return events.Redeliver(wait, err)
	case errors.As(err, &reject):
		log.WarnContext(ctx, "job rejected", "code", reject.Refusal.Code, "err", err)
		attempt.End = EndFailed
		return r.fail(ctx, w, reject, w.failures+1)
	case errors.As(err, &postponed):
		log.InfoContext(ctx, "attempt postponed", "reason", postponed.Reason, "until", postponed.Until)
		attempt.End = EndPostponed
		w.takeBack()
		return r.postpone(ctx, w, postponed)
	}
	attempt.End = EndRetried
	w.takeBack()
	result, gaveUp := r.retry(ctx, w, err, log)
	if gaveUp {
		attempt.End = EndFailed
	}
	return result
}

// postpone appends the fact paused, if the stage has one, and asks for the
// message after the wait.
func (r *Runner) postpone(ctx context.Context, w *Work, postponed *Postponement) error {
	if r.Stage.MayPause() {
		done, total := w.rows()
		if r.Stage != events.StageIEC {
			done = 0 // the transaction was rolled back
		}
		fact := &events.Paused{
			Stage: r.Stage, Reason: postponed.Reason, Message: postponed.Message, ResumesAt: postponed.Until.UTC(),
			Processed: done, Total: total, Quota: postponed.Quota, ETA: postponed.ETA,
		}
		if err := r.append(ctx, &w.Job, w.Job.Seq, fact); err != nil {
			return err
		}
		if r.Stage.Parks() {
			r.parked.look()
			return nil // holds no message while it waits
		}
	}
	return events.Redeliver(max(postponed.Until.Sub(r.now()), 0), postponed)
}

// append stores a fact, and repeats until NATS answers. It returns nil once the
// fact is stored; else an error that settles the message. errMovedOn means that
// the job has ended or moved on. Another worker may have paused the job, or
// gone on with it, while it is still the turn of this stage. Then the message
// must come again: nobody would go on with the job if it were acknowledged.
func (r *Runner) append(ctx context.Context, job *events.Job, cause uint64, fact events.Fact) error {
	for n := 1; ; n++ {
		_, err := r.Log.Append(context.WithoutCancel(ctx), job, cause, fact)
		r.noteStorage(err)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, events.ErrConflict):
			var settled error
			if settled, err = r.reload(ctx, job); settled != nil {
				return settled
			}
		case errors.Is(err, events.ErrNotAllowed):
			r.logger().WarnContext(ctx, "fact not allowed", "job", job.ID, "err", err)
			if job.Next() != r.Stage {
				return errMovedOn
			}
			wait := r.ackWait() // by then the other worker has renewed its lease, or is dead
			if job.Paused != nil {
				wait = max(job.Paused.ResumesAt.Sub(r.now()), 0)
			}
			return events.Redeliver(wait, err)
		case r.Log.JetStream().Conn().IsClosed():
			return fmt.Errorf("%w: %w", events.ErrUnsettled, err) // Consume ends for the same reason
		}
		if err != nil {
			r.logger().WarnContext(ctx, "fact not stored, trying again", "job", job.ID, "err", err)
		}
		timer := time.NewTimer(min(time.Duration(n)*50*time.Millisecond, 2*time.Second))
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, ErrLeaseLost) || errors.Is(cause, ErrShutdown) {
				timer.Stop()
				return events.ErrUnsettled // the message comes again and its work is repeated
			}
			<-timer.C // cancelled; the next try finds that in the log
		case <-timer.C:
		}
	}
}

// reload loads a job again after a conflict. Settled is what settles the
// message when the job no longer needs this fact; else it is nil. Err says that
// the job could not be loaded.
func (r *Runner) reload(ctx context.Context, job *events.Job) (settled, err error) {
	now, err := r.Log.Load(context.WithoutCancel(ctx), job.ID)
	switch {
	case err != nil:
		return nil, err
	case now.Cancelled != nil && now.Stage == r.Stage && now.Trigger == job.Trigger:
		if err := r.undoCancelled(ctx, &now); err != nil {
			return err, nil
		}
		return errMovedOn, nil
	case now.Asks() != job.Asks() || now.Next() != r.Stage:
		return errMovedOn, nil
	}
	*job = now
	return nil, nil
}

// undoCancelled calls Undo for a job that was cancelled during this stage. It
// returns nil once nothing of the work is left; the message is acknowledged
// then.
func (r *Runner) undoCancelled(ctx context.Context, job *events.Job) error {
	if r.Undo == nil {
		return nil
	}
	if err := r.Undo(context.WithoutCancel(ctx), job); err != nil {
		r.logger().ErrorContext(ctx, "cancelled job not undone, trying again", "job", job.ID, "err", err)
		return events.Redeliver(r.backoff(1), err)
	}
	return nil
}
