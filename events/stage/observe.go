package stage

import (
	"cmp"
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"rollcall.example/events"
)

// End is what became of one attempt of a stage at a job.
type End string

// The ends of an attempt.
const (
	// EndDone: the stage's fact is stored.
	EndDone End = "done"
	// EndFailed: the stage gave up, and the job has failed.
	EndFailed End = "failed"
	// EndRetried: an error, and the work will be tried again.
	EndRetried End = "retried"
	// EndPostponed: nothing is wrong, but it has to wait.
	EndPostponed End = "postponed"
	// EndFull: there was no room to store what came of it.
	EndStorageFull End = "storage_full"
	// EndCancelled: the user asked.
	EndCancelled End = "cancelled"
	// EndHandedBack: the process is stopping.
	EndHandedBack End = "handed_back"
	// EndLost: another worker has the message, or NATS could not be asked.
	EndLost End = "lost"
)

// Ends lists all of them.
var Ends = []End{EndDone, EndFailed, EndRetried, EndPostponed, EndStorageFull, EndCancelled, EndHandedBack, EndLost}

// Attempt is one attempt of a stage at a job.
type Attempt struct {
	End  End
	Took time.Duration
	// Rows is how many the stage handled, 0 unless it is done.
	Rows int
	// Delivery counts how often the message was handed out, from 1.
	Delivery uint64
}

// observe makes a piece of work known as long as it is in hand; what it returns
// is called when that is over.
func (r *Runner) trackAttempt(w *Work, span trace.Span, over *Attempt) func() {
	began := r.now()
	r.works.Store(w, nil)
	return func() {
		r.works.Delete(w)
		span.SetAttributes(attribute.String("rollcall.end", string(over.End)), attribute.Int("rollcall.rows", over.Rows))
		if over.End == EndFailed || over.End == EndRetried {
			span.SetStatus(codes.Error, "")
		}
		span.End()
		if r.Observe != nil {
			over.Took = r.now().Sub(began)
			r.Observe(*over)
		}
	}
}

// span begins the span of an attempt.
func (r *Runner) startSpan(ctx context.Context, job *events.Job, delivery uint64) (context.Context, trace.Span) {
	return cmp.Or(r.Tracer, events.Tracer(nil)).Start(ctx, string(r.Stage), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "nats"), attribute.String(events.AttrJob, job.ID), attribute.String(events.AttrStage, string(r.Stage)),
		attribute.Int64("messaging.nats.delivery", int64(delivery))))
}

// AtWork is how many jobs are worked on at the moment, and for how long the one
// that has not come forward for the longest time has not.
func (r *Runner) InProgress() (jobs int, quiet time.Duration) {
	now := r.now()
	for key := range r.works.Range {
		w := key.(*Work)
		w.mu.Lock()
		quiet = max(quiet, now.Sub(w.moved))
		w.mu.Unlock()
		jobs++
	}
	return jobs, quiet
}

// rowsDone is how many rows a stage has handled when it ends with a fact.
func rowsOf(f events.Fact) int {
	switch f := f.(type) {
	case *events.Validated:
		return f.Stats.TotalRecords
	case *events.Verified:
		return f.Stats.Total
	case *events.Persisted:
		return f.Stats.Total
	case *events.Reported:
		return f.Validation.TotalRecords
	}
	return 0
}
