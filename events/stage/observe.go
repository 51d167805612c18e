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

// End is how one attempt of a stage at a job ended.
type End string

// The ends of an attempt.
const (
	// EndDone means that the fact of the stage is stored.
	EndDone End = "done"
	// EndFailed means that the stage gave up and the job failed.
	EndFailed End = "failed"
	// EndRetried means that an error occurred and the attempt will be repeated.
	EndRetried End = "retried"
	// EndPostponed means that the stage waits for something outside; nothing failed.
	EndPostponed End = "postponed"
	// EndStorageFull means that there was no room to store the result.
	EndStorageFull End = "storage_full"
	// EndCancelled means that a user cancelled the job.
	EndCancelled End = "cancelled"
	// EndHandedBack means that the process stops.
	EndHandedBack End = "handed_back"
	// EndLost means that another worker has the message or NATS did not answer.
	EndLost End = "lost"
)

// Ends lists all ends.
var Ends = []End{
	EndDone, EndFailed, EndRetried, EndPostponed, EndStorageFull, EndCancelled, EndHandedBack, EndLost,
}

// Attempt is one attempt of a stage at a job.
type Attempt struct {
	End  End
	Took time.Duration
	// Rows is how many rows the stage handled; 0 unless End is EndDone.
	Rows int
	// Delivery is how often the message was delivered, from 1.
	Delivery uint64
}

// trackAttempt lists w as in progress. The function that it returns ends that:
// it ends the span and reports the attempt to Observe.
func (r *Runner) trackAttempt(w *Work, span trace.Span, attempt *Attempt) func() {
	began := r.now()
	r.works.Store(w, nil)
	return func() {
		r.works.Delete(w)
		span.SetAttributes(
			attribute.String("rollcall.end", string(attempt.End)), attribute.Int("rollcall.rows", attempt.Rows))
		if attempt.End == EndFailed || attempt.End == EndRetried {
			span.SetStatus(codes.Error, "")
		}
		span.End()
		if r.Observe != nil {
			attempt.Took = r.now().Sub(began)
			r.Observe(*attempt)
		}
	}
}

// startSpan starts the span of an attempt.
func (r *Runner) startSpan(ctx context.Context, job *events.Job, delivery uint64) (context.Context, trace.Span) {
	tracer := cmp.Or(r.Tracer, events.Tracer(nil))
	return tracer.Start(ctx, string(r.Stage), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "nats"),
		attribute.String(events.AttrJob, job.ID), attribute.String(events.AttrStage, string(r.Stage)),
		attribute.Int64("messaging.nats.delivery", int64(delivery))))
}

// InProgress returns how many jobs run now, and for how long the most stalled
// of them has made no progress. Both are 0 when the stage is idle.
func (r *Runner) InProgress() (jobs int, stalled time.Duration) {
	now := r.now()
	for key := range r.works.Range {
		w := key.(*Work)
		w.mu.Lock()
		stalled = max(stalled, now.Sub(w.moved))
		w.mu.Unlock()
		jobs++
	}
	return jobs, stalled
}

// rowsOf returns how many rows a stage handled when it ended with the fact f.
func rowsOf(f events.Fact) int {
	switch f := f.(type) {
	case *events.Validated:
		return f.Stats.TotalRecords
	case *events.Verified:
		return f.Stats.Total
	case *events.Persisted:
		return f.Stats.Total
	case *events.Proposed:
		return f.Stats.Total
	case *events.Reported:
		return f.Validation.TotalRecords
	}
	return 0
}
