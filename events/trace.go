package events

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Attributes of spans. None holds a row's content.
const (
	AttrJob   = "rollcall.job"
	AttrStage = "rollcall.stage"
)

// tracerName is who makes the spans, as a collector shows it.
const tracerName = "rollcall.example/events"

// Tracer returns a provider's tracer for rollcall's spans; nil gives one that
// records nothing.
func Tracer(p trace.TracerProvider) trace.Tracer {
	if p == nil {
		p = noop.NewTracerProvider()
	}
	return p.Tracer(tracerName)
}

// Span begins a span below that of ctx, with the tracer of whoever began that
// one. Where nobody did it records nothing and costs next to nothing.
func StartSpan(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	return Tracer(trace.SpanFromContext(ctx).TracerProvider()).Start(ctx, name, opts...)
}

// EndSpan ends a span. That there was an error is in it, what it says is not:
// the log has that, with the trace's id.
func EndSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// traceparent is the header value for the span of ctx, "" without one.
func traceHeader(ctx context.Context) string {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c[HeaderTrace]
}

// WithTrace makes the span that a message's header HeaderTrace names the parent of
// what follows; where there is none it changes nothing.
func WithTrace(ctx context.Context, header string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{HeaderTrace: header})
}

// storing begins the span of an append. All of a job is one trace, that of its
// upload: what a person does to the job later, in a trace of its own, is linked.
func startAppendSpan(ctx context.Context, j *Job, jobID string, kind Kind) (context.Context, trace.Span) {
	here := trace.SpanContextFromContext(ctx)
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "nats"), attribute.String("messaging.destination.name", Subject("*", kind)),
		attribute.String(AttrJob, jobID))}
	tracer := Tracer(trace.SpanFromContext(ctx).TracerProvider())
	if whole := WithTrace(ctx, j.Trace); j.Trace != "" && trace.SpanContextFromContext(whole).TraceID() != here.TraceID() {
		if here.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: here}))
		}
		ctx = whole
	}
	return tracer.Start(ctx, "store "+string(kind), opts...)
}

// setTrace writes down in a message which span stored it.
func setTraceHeader(ctx context.Context, h nats.Header) {
	if v := traceHeader(ctx); v != "" {
		h.Set(HeaderTrace, v)
	}
}
