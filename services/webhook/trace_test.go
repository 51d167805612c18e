package webhook

import (
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Each attempt is a span of the job's trace, below the span that stored the event. It
// does not contain the receiver or the user, and the receiver does not get the trace.
func TestAttemptsAreSpansOfTheJob(t *testing.T) {
	seen := tracetest.NewSpanRecorder()
	tracer := events.Tracer(sdk.NewTracerProvider(sdk.WithSpanProcessor(seen)))
	r := newRig(t, func(c *Config) { c.Tracer = tracer })
	rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	r.addWebhook("wh-1", rec.URL+"/secret-of-theirs", "", events.KindFailed)
	job := eventstest.Upload(t, events.NewLog(eventstest.Connect(t, r.nats, "upload"), events.StageUpload, nil), alice,
		events.Artifact{}, events.Options{})
	ctx, stage := tracer.Start(t.Context(), "validation")
	e, err := events.NewLog(eventstest.Connect(t, r.nats, "validation"), events.StageValidation, nil).Append(ctx, &job,
		job.Seq,
		&events.Failed{Stage: events.StageValidation, Code: "no_rows", Message: "The workbook has no rows.",
			Attempts: 1})
	stage.End()
	if err != nil {
		t.Fatal(err)
	}
	r.waitState("wh-1", "delivered")

	var attempts []sdk.ReadOnlySpan
	for _, s := range seen.Ended() {
		if s.Name() == "webhook failed" {
			attempts = append(attempts, s)
		}
	}
	if len(attempts) != 2 {
		t.Fatalf("%d attempts", len(attempts))
	}
	for i, want := range []map[string]string{
		{"http.response.status_code": "502", "http.request.resend_count": "0"},
		{"http.response.status_code": "200", "http.request.resend_count": "1"},
	} {
		s := attempts[i]
		want["rollcall.job"], want["rollcall.webhook"], want["http.request.method"] = job.ID, "wh-1", "POST"
		got := map[string]string{}
		for _, a := range s.Attributes() {
			got[string(a.Key)] = a.Value.String()
			if value := a.Value.String(); strings.Contains(value, "secret") || strings.Contains(value, "127.0.0.1") ||
				strings.Contains(value, "alice") {
				t.Errorf("%s=%s", a.Key, value)
			}
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("attempt %d: %s is %q, want %q", i, key, got[key], value)
			}
		}
		if failed := s.Status().Code == codes.Error; failed != (i == 0) {
			t.Errorf("attempt %d: status %v", i, s.Status())
		}
		if p := s.Parent(); s.SpanKind() != trace.SpanKindClient || p.TraceID() != stage.SpanContext().TraceID() ||
			!strings.Contains(e.Trace, p.SpanID().String()) {
			t.Errorf("attempt %d is below %s, the event was stored by %s", i, p.SpanID(), e.Trace)
		}
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, req := range rec.got {
		if req.Header.Get("Traceparent") != "" {
			t.Error("the receiver got the trace")
		}
	}
}
