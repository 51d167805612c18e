package stage_test

import (
	"context"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

func TestAMessageOfANewerVersionIsHandedBack(t *testing.T) {
	srv := eventstest.Start(t)
	unknown := eventstest.UploadNewer(t, srv, alice)
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if w.Job.ID == unknown {
			t.Error("worked on what it does not know")
		}
		return validated(ctx, w)
	})
	// Facts come in order: when this one is through, the other has been taken.
	waitFor(t, srv, upload(t, srv).ID, events.KindValidated)
	s.stop()
	c, err := eventstest.Connect(t, srv, "operator").Consumer(t.Context(), events.StreamFacts, string(events.StageValidation))
	if err != nil {
		t.Fatal(err)
	}
	if n := c.CachedInfo().NumAckPending; n != 1 {
		t.Errorf("%d messages wait for somebody who knows them, want 1", n)
	}
}
