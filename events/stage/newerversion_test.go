package stage_test

import (
	"context"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

func TestRunnerLeavesJobsOfANewerVersion(t *testing.T) {
	srv := eventstest.Start(t)
	newer := eventstest.UploadNewer(t, srv, alice)
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if w.Job.ID == newer {
			t.Error("the handler ran for a job of a newer version")
		}
		return validated(ctx, w)
	})
	// Messages come in order: once this job is validated, the other one was fetched.
	waitFor(t, srv, upload(t, srv).ID, events.KindValidated)
	s.stop()
	js := eventstest.Connect(t, srv, "operator")
	c, err := js.Consumer(t.Context(), events.StreamFacts, string(events.StageValidation))
	if err != nil {
		t.Fatal(err)
	}
	if n := c.CachedInfo().NumAckPending; n != 1 {
		t.Errorf("%d messages wait for another process, want 1", n)
	}
}
