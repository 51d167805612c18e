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

// Handler does a stage's work on a job and returns the fact it ends with. It
// stops soon after ctx ends; what it then returns does not matter. Errors other
// than *Rejection and *Postponement are tried again, those that are StorageFull
// for as long as it takes.
type Handler func(ctx context.Context, w *Work) (events.Fact, error)

// Runner feeds a stage from its durable consumer and is the only one that
// acknowledges. The fact is appended first and the message acknowledged last,
// so a death in between means that the message comes again and finds its fact.
type Runner struct {
	Log    *events.Log
	Stage  events.Stage
	Handle Handler
	// Undo takes back what the stage did outside of the log, for a job that was
	// cancelled while it was the stage's turn. It may have done nothing, and may
	// be asked again: until it returns nil the message is kept. Nil means that
	// there is nothing to take back.
	Undo func(ctx context.Context, job *events.Job) error
	// Workers is how many messages are worked on at once, beside two of small
	// jobs; 0 means 2.
	Workers int
	// Attempts is how many failures make the job fail; 0 means 5.
	Attempts int
	// Backoff is the wait after the nth failure, from 1; nil means 1 s
	// doubling to a minute, with jitter.
	Backoff func(failures int) time.Duration
	// Grace is how long work in hand may go on after Run was told to stop; 0 means 5 s.
	Grace time.Duration
	// AckWait is the consumer's; 0 means AckWait.
	AckWait time.Duration
	// Logger hears of failures; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Tracer makes a span of each attempt, below that which stored the fact that
	// set the stage to work; nil means that nobody traces.
	Tracer trace.Tracer
	// Observe hears of each attempt once it is over, from many goroutines; nil
	// means that nobody counts.
	Observe func(Attempt)

	lanes  lanes
	atWork sync.Map // job id -> *context.CancelCauseFunc
	works  sync.Map // *Work -> nothing
	noRoom atomic.Pointer[noRoom]
}

// Run works until ctx ends, then hands back or finishes what is in hand. An error
// before that means that the stage is dead: its consumer is gone, or NATS has
// closed the connection for good.
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
	for range r.lanes.fetchers() {
		fetchers.Go(func() error { return r.fetch(ctx, work) })
	}
	if err := fetchers.Wait(); err != nil {
		return fmt.Errorf("run %s: %w", r.Stage, err)
	}
	return nil
}

// fetch takes one message at a time: one taken in advance would age unseen.
func (r *Runner) fetch(ctx, work context.Context) error {
	opts := events.ConsumeOptions{Logger: r.Logger}
	return events.Consume(ctx, r.Log.JetStream(), string(r.Stage), opts, func(ctx context.Context, d events.Delivery) error {
		err := r.process(events.WithTrace(work, d.Trace), d)
		if errors.Is(err, errMovedOn) {
			return nil
		}
		return err
	})
}

// errMovedOn says that the job no longer waits for what a message asks for. The
// message is acknowledged.
var errMovedOn = errors.New("job has moved on")

// process decides what a message asks for and sees it through. What it returns
// settles the message.
func (r *Runner) process(ctx context.Context, d events.Delivery) error {
	leave, ok := r.lanes.acquire(estimateRows(d.Fact))
	if !ok {
		return events.Redeliver(laneWait(d.Stored), nil)
	}
	defer leave()
	job, err := r.Log.Load(ctx, d.JobID)
	if err != nil || job.Seq < d.Seq {
		// A follower that answered may not have the newest facts yet.
		r.logger().WarnContext(ctx, "job not loaded yet", "job", d.JobID, "seq", d.Seq, "err", err)
		return events.Redeliver(time.Second, err)
	}
	switch {
	case job.Cancelled != nil && job.Stage == r.Stage && job.Trigger == d.Seq:
		return r.undoCancelled(ctx, &job)
	case job.Next() != r.Stage || job.Trigger != d.Seq:
		return nil // done already, ended, or another stage's
	case job.Paused != nil && r.now().Before(job.Paused.ResumesAt):
		return events.Redeliver(job.Paused.ResumesAt.Sub(r.now()), nil)
	}
	return r.attempt(ctx, d, job)
}

// attempt runs the handler under a lease and turns its result into a fact.
func (r *Runner) attempt(ctx context.Context, d events.Delivery, job events.Job) error {
	log := r.logger().With("job", job.ID, "seq", job.Trigger, "delivery", d.Count)
	ctx, span := r.startSpan(ctx, &job, d.Count)
	if sc := span.SpanContext(); sc.HasTraceID() {
		log = log.With("trace", sc.TraceID())
	}
	w := &Work{Job: job, Delivery: d.Count, runner: r, moved: r.now()}
	ctx, cancel := context.WithCancelCause(events.WithJob(ctx, job.ID, r.Stage))
	w.ctx = ctx
	r.atWork.Store(job.ID, &cancel)
	var lease sync.WaitGroup
	lease.Go(func() {
		r.keepLease(ctx, d, func(ctx context.Context) bool {
			now, err := r.Log.Load(ctx, job.ID)
			return err == nil && now.Cancelled != nil
		}, cancel)
	})
	defer lease.Wait()
	defer cancel(nil)
	defer r.atWork.CompareAndDelete(job.ID, &cancel)

	over := Attempt{End: EndLost, Delivery: d.Count}
	defer r.trackAttempt(w, span, &over)()
	last, ok, err := r.Log.Progress(ctx, job.ID)
	if err != nil {
		log.WarnContext(ctx, "progress not read", "err", err)
		return events.Redeliver(time.Second, err)
	}
	if ok && last.Service == r.Stage && last.Trigger == job.Trigger {
		w.failures, w.last = last.Failures, last
	}
	if job.Paused != nil {
		done, total := job.Paused.Processed, job.Paused.Total
		if err := r.append(ctx, &w.Job, job.Seq, &events.Resumed{Stage: r.Stage, Processed: done, Total: total}); err != nil {
			return err
		}
	}
	began := time.Now()
	fact, err := r.callHandler(ctx, w)
	log = log.With("took", time.Since(began).Round(time.Millisecond))

	var reject *Rejection
	var later *Postponement
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrCancelled):
		log.InfoContext(ctx, "cancelled")
		over.End = EndCancelled
		return r.undoCancelled(ctx, &w.Job)
	case errors.Is(cause, ErrLeaseLost):
		log.WarnContext(ctx, "lease lost, another worker has the message")
		return events.ErrUnsettled
	case err == nil:
		if err := r.append(ctx, &w.Job, job.Trigger, fact); err != nil {
			return err
		}
		log.InfoContext(ctx, "done", "fact", fact.FactKind())
		over.End, over.Rows = EndDone, rowsOf(fact)
		return nil
	case errors.Is(cause, ErrShutdown):
		log.InfoContext(ctx, "handed back")
		over.End = EndHandedBack
		return events.Redeliver(0, cause)
	case events.StorageFull(err): // whatever the handler made of it
		again := r.roomWait(&w.Job)
		log.ErrorContext(ctx, "no room to store", "again_in", again, "err", err)
		over.End = EndStorageFull
		r.noteRoom(err)
		r.reportStorageError(w)
		return events.Redeliver(again, err)
	case errors.As(err, &reject):
		log.WarnContext(ctx, "rejected", "code", reject.Refusal.Code, "err", err)
		over.End = EndFailed
		return r.fail(ctx, w, reject, w.failures+1)
	case errors.As(err, &later):
		log.InfoContext(ctx, "postponed", "reason", later.Reason, "until", later.Until)
		over.End = EndPostponed
		return r.postpone(ctx, w, later)
	}
	over.End = EndRetried
	result, gaveUp := r.retry(ctx, w, err, log)
	if gaveUp {
		over.End = EndFailed
	}
	return result
}

func (r *Runner) postpone(ctx context.Context, w *Work, later *Postponement) error {
	if r.Stage.MayPause() {
		done, total := w.rows()
		if r.Stage != events.StageIEC {
			done = 0 // what was not written as a whole was not written
		}
		fact := &events.Paused{Stage: r.Stage, Reason: later.Reason, Message: later.Message, ResumesAt: later.Until.UTC(),
			Processed: done, Total: total, Quota: later.Quota, ETA: later.ETA}
		if err := r.append(ctx, &w.Job, w.Job.Seq, fact); err != nil {
			return err
		}
	}
	return events.Redeliver(max(later.Until.Sub(r.now()), 0), later)
}

// append stores a fact, however long NATS takes to be there again. It returns nil
// once the fact is stored; else the message is to be settled with the error, and
// there is nothing more to do for it. errMovedOn means that the job has ended or
// moved on. When it is this stage's turn all the same, another worker has the
// message too, and has paused the job or gone on with it: the message comes again,
// for acknowledged, nobody would ever go on with the job.
func (r *Runner) append(ctx context.Context, job *events.Job, cause uint64, fact events.Fact) error {
	for n := 1; ; n++ {
		_, err := r.Log.Append(context.WithoutCancel(ctx), job, cause, fact)
		r.noteRoom(err)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, events.ErrConflict):
			var settled error
			if settled, err = r.reload(ctx, job); settled != nil {
				return settled
			}
		case errors.Is(err, events.ErrNotAllowed):
			r.logger().WarnContext(ctx, "fact refused", "job", job.ID, "err", err)
			if job.Next() != r.Stage {
				return errMovedOn
			}
			again := r.ackWait() // the other one's time to show that it is alive
			if job.Paused != nil {
				again = max(job.Paused.ResumesAt.Sub(r.now()), 0)
			}
			return events.Redeliver(again, err)
		case r.Log.JetStream().Conn().IsClosed():
			return fmt.Errorf("%w: %w", events.ErrUnsettled, err) // Consume ends with it
		}
		if err != nil {
			r.logger().WarnContext(ctx, "fact not stored yet", "job", job.ID, "err", err)
		}
		again := time.NewTimer(min(time.Duration(n)*50*time.Millisecond, 2*time.Second))
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, ErrLeaseLost) || errors.Is(cause, ErrShutdown) {
				again.Stop()
				return events.ErrUnsettled // the message comes again and the work is repeated
			}
			<-again.C // cancelled, which the next try finds in the log
		case <-again.C:
		}
	}
}

// reload looks at a job after a conflict. Settled is what settles the message when
// the job no longer waits for this fact; err says that the job could not be loaded.
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
	case now.Trigger != job.Trigger || now.Next() != r.Stage:
		return errMovedOn, nil
	}
	*job = now
	return nil, nil
}

// undoCancelled takes back what the stage did for a job that was cancelled in it.
// Once nothing of it is left it returns nil: the message is done with.
func (r *Runner) undoCancelled(ctx context.Context, job *events.Job) error {
	if r.Undo == nil {
		return nil
	}
	if err := r.Undo(context.WithoutCancel(ctx), job); err != nil {
		r.logger().ErrorContext(ctx, "work of a cancelled job not taken back yet", "job", job.ID, "err", err)
		return events.Redeliver(r.backoff(1), err)
	}
	return nil
}
