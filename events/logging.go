package events

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

type jobKey struct{}

type jobAttrs struct {
	id    string
	stage Stage
}

// WithJob returns a context for LogHandler: its log lines name the job and the
// stage that works on it.
func WithJob(ctx context.Context, jobID string, stage Stage) context.Context {
	return context.WithValue(ctx, jobKey{}, jobAttrs{jobID, stage})
}

// LogHandler adds to each log line the job and stage of WithJob and the id of
// the trace. It adds none that the line names already.
type LogHandler struct {
	slog.Handler
	// What the attributes of With hold already.
	hasStage, hasJob, hasTrace bool
}

// NewLogHandler returns a LogHandler that passes its lines on to h.
func NewLogHandler(h slog.Handler) *LogHandler { return &LogHandler{Handler: h} }

// Handle implements slog.Handler.
func (h *LogHandler) Handle(ctx context.Context, r slog.Record) error {
	line := *h
	r.Attrs(func(a slog.Attr) bool { line.note(a); return true })
	if job, ok := ctx.Value(jobKey{}).(jobAttrs); ok {
		if !line.hasJob {
			r.AddAttrs(slog.String("job", job.id))
		}
		if !line.hasStage {
			r.AddAttrs(slog.String("stage", string(job.stage)))
		}
	}
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() && !line.hasTrace {
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
	h.hasStage = h.hasStage || a.Key == "stage"
	h.hasJob = h.hasJob || a.Key == "job"
	h.hasTrace = h.hasTrace || a.Key == "trace"
}

// Logger returns l, or a logger that discards when l is nil. Every Logger field
// in rollcall treats nil in this way.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
