package stage_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
)

func TestARetryIsInTheTraceOfTheUpload(t *testing.T) {
	srv := eventstest.Start(t)
	spans := tracetest.NewInMemoryExporter()
	tracer := events.Tracer(sdk.NewTracerProvider(sdk.WithSyncer(spans)))
	log := logAs(t, srv, events.StageUpload)
	var logged bytes.Buffer
	work := slog.New(events.NewLogHandler(slog.NewTextHandler(&logged, nil)))
	runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		work.InfoContext(ctx, "at work")
		return nil, &stage.Rejection{Refusal: refusal.New("disk_full", "Try again."), Retryable: true}
	}, func(r *stage.Runner) { r.Tracer = tracer })

	uploadCtx, upload := tracer.Start(t.Context(), "upload")
	fact := &events.Uploaded{Owner: events.User{ID: "alice"}, FileName: "roll.xlsx"}
	fact.JobID = events.NewJobID()
	fact.File = eventstest.FakeArtifact(events.BucketUploads, fact.JobID+"/upload.xlsx")
	var job events.Job
	if _, err := log.Append(uploadCtx, &job, 0, fact); err != nil {
		t.Fatal(err)
	}
	upload.End()
	job = waitFor(t, srv, job.ID, events.KindFailed)

	retryCtx, retry := tracer.Start(t.Context(), "retry")
	retried := &events.Retried{Stage: events.StageValidation, By: job.Owner}
	if _, err := log.Append(retryCtx, &job, job.Seq, retried); err != nil {
		t.Fatal(err)
	}
	retry.End()
	eventstest.Wait(t, "both attempts", func() bool {
		n := 0
		for _, s := range spans.GetSpans() {
			if s.Name == "validation" && s.SpanContext.TraceID() == upload.SpanContext().TraceID() {
				n++
			}
		}
		return n == 2
	})
	for _, s := range spans.GetSpans() {
		if s.Name == "store retried" && (s.SpanContext.TraceID() != upload.SpanContext().TraceID() ||
			len(s.Links) != 1 || s.Links[0].SpanContext.TraceID() != retry.SpanContext().TraceID()) {
			t.Errorf("retried is in trace %s with links %v", s.SpanContext.TraceID(), s.Links)
		}
	}
	trace := upload.SpanContext().TraceID().String()
	for _, want := range []string{"job=" + job.ID, "stage=validation", "trace=" + trace} {
		if strings.Count(logged.String(), want) != 2 {
			t.Errorf("logged without %s:\n%s", want, logged.String())
		}
	}
}

func TestWithoutATracerFactsHaveNoTrace(t *testing.T) {
	srv := eventstest.Start(t)
	runStage(t, srv, events.StageValidation, validated)
	job := upload(t, srv)
	waitFor(t, srv, job.ID, events.KindValidated)
	list, err := logAs(t, srv, events.StageUpload).Replay(t.Context(), job.ID, 0)
	if err != nil || len(list) != 2 || list[0].Trace+list[1].Trace != "" {
		t.Fatalf("%+v, %v", list, err)
	}
}

func TestLogHandlerAddsNothingTwice(t *testing.T) {
	srv := eventstest.Start(t)
	var logged bytes.Buffer
	log := slog.New(events.NewLogHandler(slog.NewTextHandler(&logged, nil))).With("stage", "upload")
	runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		log.InfoContext(ctx, "at work", "job", "mine")
		return validated(ctx, w)
	})
	waitFor(t, srv, upload(t, srv).ID, events.KindValidated)
	line := logged.String()
	for key, want := range map[string]int{"job=": 1, "stage=": 1, "trace=": 0} {
		if n := strings.Count(line, key); n != want {
			t.Errorf("%d of %s, want %d: %s", n, key, want, line)
		}
	}
}
