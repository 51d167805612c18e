package events

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

type jobKey struct{}

type jobOf struct {
	id    string
	stage Stage
}

// WithJob returns a context whose log lines name the job and the stage that works on it.
func WithJob(ctx context.Context, jobID string, stage Stage) context.Context {
	return context.WithValue(ctx, jobKey{}, jobOf{jobID, stage})
}

// LogHandler adds the job and stage of WithJob and the id of the trace to each
// line that is logged with such a context and does not name them itself.
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
	if of, ok := ctx.Value(jobKey{}).(jobOf); ok {
		if !said.job {
			r.AddAttrs(slog.String("job", of.id))
		}
		if !said.stage {
			r.AddAttrs(slog.String("stage", string(of.stage)))
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
