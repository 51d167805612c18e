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

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
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

// Run works until ctx ends, then hands back or finishes what is in hand.
func (r *Runner) Run(ctx context.Context) error {
	cons, err := r.Log.JetStream().Consumer(ctx, events.StreamFacts, string(r.Stage))
	if err != nil {
		return fmt.Errorf("run %s: %w", r.Stage, err)
	}
	sub, err := r.watchCancelled()
	if err != nil {
		return fmt.Errorf("run %s: watch cancellations: %w", r.Stage, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection

	// Handlers outlive ctx by the grace period.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	grace := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(cmp.Or(r.Grace, 5*time.Second), func() { stop(ErrShutdown) })
		context.AfterFunc(work, func() { t.Stop() })
	})
	defer grace()

	r.lanes = newLanes(cmp.Or(r.Workers, 2))
	errs := make(chan error, r.lanes.fetchers())
	for range cap(errs) {
		go func() { errs <- r.fetch(ctx, work, cons) }()
	}
	for range cap(errs) {
		err = errors.Join(err, <-errs)
	}
	return err
}

// fetch takes one message at a time: one taken in advance would age unseen.
func (r *Runner) fetch(ctx, work context.Context, cons jetstream.Consumer) error {
	err := events.ConsumeFrom(ctx, cons, 1, r.logger(), func(_ context.Context, msg jetstream.Msg) error {
		r.work(work, msg)
		return nil
	})
	if err != nil {
		return fmt.Errorf("run %s: %w", r.Stage, err)
	}
	return nil
}

// work decides what a message asks for and sees it through.
func (r *Runner) work(ctx context.Context, msg jetstream.Msg) {
	log := r.logger().With("subject", msg.Subject())
	meta, err := msg.Metadata()
	if err != nil {
		log.Error("message without metadata", "err", err)
		return
	}
	seq := meta.Sequence.Stream
	e, err := events.Decode(msg.Subject(), msg.Headers(), msg.Data(), seq)
	if errors.Is(err, events.ErrNewer) {
		log.Warn("message left to a newer rollcall", "seq", seq, "err", err)
		r.settle(msg, "postpone", msg.NakWithDelay(events.NewerDelay))
		return
	}
	if err != nil {
		log.Error("message refused", "seq", seq, "err", err)
		r.settle(msg, "terminate", msg.TermWithReason("disbelieved"))
		return
	}
	leave, ok := r.lanes.enter(rowsOf(e.Fact))
	if !ok {
		r.settle(msg, "postpone", msg.NakWithDelay(patience(meta.Timestamp)))
		return
	}
	defer leave()
	job, err := r.Log.Load(ctx, e.JobID)
	if err != nil || job.Seq < seq {
		// A follower that answered may not have the newest facts yet.
		log.Warn("job not loaded", "seq", seq, "err", err)
		r.settle(msg, "postpone", msg.NakWithDelay(time.Second))
		return
	}
	switch {
	case job.Cancelled != nil && job.Stage == r.Stage && job.Trigger == seq:
		r.cancelled(ctx, msg, &job)
		return
	case job.Next() != r.Stage || job.Trigger != seq:
		// Done already, ended, or another stage's.
		r.acknowledge(ctx, msg)
		return
	case job.Paused != nil && r.now().Before(job.Paused.ResumesAt):
		r.settle(msg, "postpone", msg.NakWithDelay(job.Paused.ResumesAt.Sub(r.now())))
		return
	}
	r.attempt(events.Within(ctx, e.Trace), msg, job, meta.NumDelivered)
}

// attempt runs the handler under a lease and turns its result into a fact.
func (r *Runner) attempt(ctx context.Context, msg jetstream.Msg, job events.Job, delivery uint64) {
	log := r.logger().With("job", job.ID, "seq", job.Trigger, "delivery", delivery)
	ctx, span := r.span(ctx, &job, delivery)
	if sc := span.SpanContext(); sc.HasTraceID() {
		log = log.With("trace", sc.TraceID())
	}
	w := &Work{Job: job, Delivery: delivery, runner: r, moved: r.now()}
	ctx, cancel := context.WithCancelCause(events.WithJob(ctx, job.ID, r.Stage))
	w.ctx = ctx
	r.atWork.Store(job.ID, &cancel)
	var lease sync.WaitGroup
	lease.Go(func() {
		r.keepLease(ctx, msg.Reply(), func(ctx context.Context) bool {
			now, err := r.Log.Load(ctx, job.ID)
			return err == nil && now.Cancelled != nil
		}, cancel)
	})
	defer lease.Wait()
	defer cancel(nil)
	defer r.atWork.CompareAndDelete(job.ID, &cancel)

	over := Attempt{End: EndLost, Delivery: delivery}
	defer r.observe(w, span, &over)()
	last, ok, err := r.Log.Progress(ctx, job.ID)
	if err != nil {
		log.Warn("progress not read", "err", err)
		r.settle(msg, "postpone", msg.NakWithDelay(time.Second))
		return
	}
	if ok && last.Service == r.Stage && last.Trigger == job.Trigger {
		w.failures, w.last = last.Failures, last
	}
	if job.Paused != nil {
		done, total := job.Paused.Processed, job.Paused.Total
		if !r.append(ctx, msg, &w.Job, job.Seq, &events.Resumed{Stage: r.Stage, Processed: done, Total: total}) {
			return
		}
	}
	began := time.Now()
	fact, err := r.protect(ctx, w)
	log = log.With("took", time.Since(began).Round(time.Millisecond))

	var reject *Rejection
	var later *Postponement
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrCancelled):
		log.Info("cancelled")
		over.End = EndCancelled
		r.cancelled(ctx, msg, &w.Job)
	case errors.Is(cause, ErrLeaseLost):
		log.Warn("lease lost, left to another worker")
	case err == nil:
		if r.append(ctx, msg, &w.Job, job.Trigger, fact) {
			log.Info("done", "fact", fact.FactKind())
			over.End, over.Rows = EndDone, rowsDone(fact)
			r.acknowledge(ctx, msg)
		}
	case errors.Is(cause, ErrShutdown):
		log.Info("handed back")
		over.End = EndHandedBack
		r.settle(msg, "hand back", msg.Nak())
	case events.StorageFull(err): // whatever the handler made of it
		again := r.roomAgain(&w.Job)
		log.Error("no room to store", "again_in", again, "err", err)
		over.End = EndFull
		r.setRoom(err)
		r.full(w)
		r.settle(msg, "postpone", msg.NakWithDelay(again))
	case errors.As(err, &reject):
		log.Warn("rejected", "code", reject.Code, "err", err)
		over.End = EndFailed
		r.fail(ctx, msg, w, reject, w.failures+1)
	case errors.As(err, &later):
		log.Info("postponed", "reason", later.Reason, "until", later.Until)
		over.End = EndPostponed
		r.postpone(ctx, msg, w, later)
	default:
		over.End = EndRetried
		if r.failed(ctx, msg, w, err, log) {
			over.End = EndFailed
		}
	}
}

func (r *Runner) postpone(ctx context.Context, msg jetstream.Msg, w *Work, later *Postponement) {
	if r.Stage.MayPause() {
		done, total := w.rows()
		if r.Stage != events.StageIEC {
			done = 0 // what was not written as a whole was not written
		}
		fact := &events.Paused{Stage: r.Stage, Reason: later.Reason, Message: later.Message, ResumesAt: later.Until.UTC(),
			Processed: done, Total: total, Quota: later.Quota, ETA: later.ETA}
		if !r.append(ctx, msg, &w.Job, w.Job.Seq, fact) {
			return
		}
	}
	r.settle(msg, "postpone", msg.NakWithDelay(max(later.Until.Sub(r.now()), 0)))
}

// append stores a fact, however long NATS takes to be there again, and reports
// whether the message is still this worker's to settle with it. When the job
// turns out to have ended or moved on, the message is acknowledged instead. When it
// is this stage's turn all the same, another worker has the message too, and has
// paused the job or gone on with it: acknowledged, nobody would ever do so again.
func (r *Runner) append(ctx context.Context, msg jetstream.Msg, job *events.Job, cause uint64, fact events.Fact) bool {
	for n := 1; ; n++ {
		_, err := r.Log.Append(context.WithoutCancel(ctx), job, cause, fact)
		r.setRoom(err)
		if err == nil {
			return true
		}
		if errors.Is(err, events.ErrConflict) {
			var now events.Job
			if now, err = r.Log.Load(context.WithoutCancel(ctx), job.ID); err == nil {
				switch {
				case now.Cancelled != nil && now.Stage == r.Stage && now.Trigger == job.Trigger:
					r.cancelled(ctx, msg, &now)
					return false
				case now.Trigger != job.Trigger || now.Next() != r.Stage:
					r.acknowledge(ctx, msg)
					return false
				}
				*job = now
			}
		} else if errors.Is(err, events.ErrNotAllowed) {
			r.logger().Warn("fact refused", "job", job.ID, "err", err)
			if job.Next() != r.Stage {
				r.acknowledge(ctx, msg)
				return false
			}
			again := r.ackWait() // the other one's time to show that it is alive
			if job.Paused != nil {
				again = max(job.Paused.ResumesAt.Sub(r.now()), 0)
			}
			r.settle(msg, "postpone", msg.NakWithDelay(again))
			return false
		}
		if err != nil {
			r.logger().Warn("fact not stored yet", "job", job.ID, "err", err)
		}
		again := time.NewTimer(min(time.Duration(n)*50*time.Millisecond, 2*time.Second))
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, ErrLeaseLost) || errors.Is(cause, ErrShutdown) {
				again.Stop()
				return false // the message comes again and the work is repeated
			}
			<-again.C // cancelled, which the next try finds in the log
		case <-again.C:
		}
	}
}

// cancelled ends the message of a job that was cancelled in this stage, once
// nothing of the stage's work is left.
func (r *Runner) cancelled(ctx context.Context, msg jetstream.Msg, job *events.Job) {
	if r.Undo != nil {
		if err := r.Undo(context.WithoutCancel(ctx), job); err != nil {
			r.logger().Error("work of a cancelled job not taken back yet", "job", job.ID, "err", err)
			r.settle(msg, "postpone", msg.NakWithDelay(r.backoff(1)))
			return
		}
	}
	r.acknowledge(ctx, msg)
}

// acknowledge ends a message for good, and waits until the server has agreed.
func (r *Runner) acknowledge(ctx context.Context, msg jetstream.Msg) {
	r.settle(msg, "acknowledge", msg.DoubleAck(context.WithoutCancel(ctx)))
}

// settle logs an acknowledgement that could not be sent: the message comes
// again after AckWait and finds the log as it is.
func (r *Runner) settle(msg jetstream.Msg, what string, err error) {
	if err != nil {
		r.logger().Warn("message not settled", "what", what, "subject", msg.Subject(), "err", err)
	}
}
