package stage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

func TestRunnerReportsEachAttempt(t *testing.T) {
	srv := eventstest.Start(t)
	ends := make(chan stage.Attempt, 10)
	attempt := 0
	hold := make(chan struct{})
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		attempt++
		switch attempt {
		case 1:
			return nil, errors.New("the disk is full")
		case 2:
			return nil, stage.Postpone(time.Now(), "busy", "", nil)
		case 3:
			<-hold
			return &events.Validated{Stats: events.ValidationStats{TotalRecords: 7},
				Rows:    eventstest.FakeArtifact(events.BucketRows, w.Job.ID+"/rows"),
				Rejects: eventstest.FakeArtifact(events.BucketRows, w.Job.ID+"/rejects")}, nil
		}
		return nil, stage.Reject("no_rows", "The sheet has no rows.", nil)
	}, func(r *stage.Runner) { r.Observe = func(a stage.Attempt) { ends <- a } })

	job := upload(t, srv)
	want := func(end stage.End, delivery uint64, rows int) {
		t.Helper()
		select {
		case a := <-ends:
			if a.End != end || a.Delivery != delivery || a.Rows != rows || a.Took <= 0 {
				t.Fatalf("%+v, want %s of delivery %d with %d rows", a, end, delivery, rows)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no attempt ended as %s", end)
		}
	}
	want(stage.EndRetried, 1, 0)
	want(stage.EndPostponed, 2, 0)
	eventstest.Wait(t, "a job without progress", func() bool {
		jobs, stalled := s.InProgress()
		return jobs == 1 && stalled > 20*time.Millisecond
	})
	close(hold)
	want(stage.EndDone, 3, 7)
	waitFor(t, srv, job.ID, events.KindValidated)
	if jobs, stalled := s.InProgress(); jobs != 0 || stalled != 0 {
		t.Errorf("idle stage: %d jobs, stalled for %s", jobs, stalled)
	}
	upload(t, srv)
	want(stage.EndFailed, 1, 0)
}
