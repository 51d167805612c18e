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

// Attributes of spans. No attribute holds the content of a row.
const (
	AttrJob   = "rollcall.job"
	AttrStage = "rollcall.stage"
)

// tracerName is the instrumentation scope of the spans.
const tracerName = "rollcall.example/events"

// Tracer returns the provider's tracer for the spans of rollcall. Nil returns
// one that records nothing.
func Tracer(p trace.TracerProvider) trace.Tracer {
	if p == nil {
		p = noop.NewTracerProvider()
	}
	return p.Tracer(tracerName)
}

// StartSpan starts a span below that of ctx, with the same tracer provider.
// Without a span in ctx it records nothing and costs next to nothing.
func StartSpan(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	return Tracer(trace.SpanFromContext(ctx).TracerProvider()).Start(ctx, name, opts...)
}

// EndSpan ends a span. The span says that there was an error, but not which:
// the log has the text, with the id of the trace.
func EndSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// traceHeader returns the traceparent of the span of ctx; "" without a span.
func traceHeader(ctx context.Context) string {
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c[HeaderTrace]
}

// WithTrace returns a context whose spans are children of the span that header
// names, the value of HeaderTrace. An empty header changes nothing.
func WithTrace(ctx context.Context, header string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{HeaderTrace: header})
}

// startAppendSpan starts the span of an append. All of a job is one trace, the
// trace of its upload. When a later request has a trace of its own, the span
// has a link to it.
func startAppendSpan(ctx context.Context, j *Job, jobID string, kind Kind) (context.Context, trace.Span) {
	current := trace.SpanContextFromContext(ctx)
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "nats"),
		attribute.String("messaging.destination.name", Subject("*", kind)),
		attribute.String(AttrJob, jobID))}
	tracer := Tracer(trace.SpanFromContext(ctx).TracerProvider())
	upload := WithTrace(ctx, j.Trace)
	if j.Trace != "" && trace.SpanContextFromContext(upload).TraceID() != current.TraceID() {
		if current.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: current}))
		}
		ctx = upload
	}
	return tracer.Start(ctx, "store "+string(kind), opts...)
}

// setTraceHeader puts the span of ctx into the headers of a message.
func setTraceHeader(ctx context.Context, h nats.Header) {
	if v := traceHeader(ctx); v != "" {
		h.Set(HeaderTrace, v)
	}
}
