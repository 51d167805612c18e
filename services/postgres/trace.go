package postgres

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rollcall.example/events"
)

// Span begins the span of a statement or a transaction; name says what that does.
// End it with events.EndSpan. It has neither SQL nor values, because a value may be
// an ID number.
func Span(ctx context.Context, name string) (context.Context, trace.Span) {
	return events.StartSpan(ctx, "sql "+name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.system.name", "postgresql")))
}
