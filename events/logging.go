package events

import (
	"context"
	"fmt"
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
// the trace. It adds none that the line names already. It masks each ID number in
// the line, wherever it stands.
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
	r = maskRecord(r)
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
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		with.note(a)
		masked[i], _ = maskAttr(a)
	}
	with.Handler = h.Handler.WithAttrs(masked)
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

// maskRecord returns a line without ID numbers: r itself where it has none.
func maskRecord(r slog.Record) slog.Record {
	message, found := MaskIDs(r.Message), false
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		masked, changed := maskAttr(a)
		attrs, found = append(attrs, masked), found || changed
		return true
	})
	if !found && message == r.Message {
		return r
	}
	line := slog.NewRecord(r.Time, r.Level, message, r.PC)
	line.AddAttrs(attrs...)
	return line
}

// maskAttr returns an attribute without ID numbers, and whether it had any. A value
// that is no text becomes one when it has.
func maskAttr(a slog.Attr) (masked slog.Attr, changed bool) {
	text := ""
	switch a.Value = a.Value.Resolve(); a.Value.Kind() {
	case slog.KindString:
		text = a.Value.String()
	case slog.KindInt64, slog.KindUint64:
		text = a.Value.String()
	case slog.KindAny:
		text = fmt.Sprint(a.Value.Any())
	case slog.KindGroup:
		group := make([]slog.Attr, len(a.Value.Group()))
		for i, member := range a.Value.Group() {
			var found bool
			group[i], found = maskAttr(member)
			changed = changed || found
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}, changed
	}
	hidden := MaskIDs(text)
	if hidden == text {
		return a, false
	}
	return slog.String(a.Key, hidden), true
}

// Logger returns l, or a logger that discards when l is nil. Every Logger field
// in rollcall treats nil in this way.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
