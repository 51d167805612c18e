package events

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

type workKey struct{}

// LogHandler adds to what is logged with the context of a handler its job and
// stage, where the line does not say them itself, and to all with the context of
// a trace the trace's id.
type LogHandler struct {
	slog.Handler
	// What With has said already.
	stage, job, trace bool
}

// NewLogHandler wraps a handler.
func NewLogHandler(h slog.Handler) *LogHandler { return &LogHandler{Handler: h} }

// Handle implements slog.Handler.
func (h *LogHandler) Handle(ctx context.Context, r slog.Record) error {
	said := *h
	r.Attrs(func(a slog.Attr) bool { said.note(a); return true })
	if w, ok := ctx.Value(workKey{}).(*Work); ok {
		if !said.job {
			r.AddAttrs(slog.String("job", w.Job.ID))
		}
		if !said.stage {
			r.AddAttrs(slog.String("stage", string(w.runner.Stage)))
		}
	}
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() && !said.trace {
		r.AddAttrs(slog.String("trace", sc.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *LogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.note(a)
	}
	with.Handler = h.Handler.WithAttrs(attrs)
	return &with
}

// WithGroup implements slog.Handler.
func (h *LogHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.Handler = h.Handler.WithGroup(name)
	return &with
}

func (h *LogHandler) note(a slog.Attr) {
	h.stage = h.stage || a.Key == "stage"
	h.job = h.job || a.Key == "job"
	h.trace = h.trace || a.Key == "trace"
}
