package events_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Each way in which an attempt can end is told, and what is in hand meanwhile.
func TestRunnerTellsHowAttemptsEnd(t *testing.T) {
	srv := eventstest.Start(t)
	ends := make(chan events.Attempt, 10)
	attempt := 0
	hold := make(chan struct{})
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *events.Work) (events.Fact, error) {
		attempt++
		switch attempt {
		case 1:
			return nil, errors.New("the disk is full")
		case 2:
			return nil, events.Later(time.Now(), "busy", "", nil)
		case 3:
			<-hold
			return &events.Validated{Stats: events.ValidationStats{TotalRecords: 7},
				Rows:    eventstest.FakeArtifact(events.BucketRows, w.Job.ID+"/rows"),
				Rejects: eventstest.FakeArtifact(events.BucketRows, w.Job.ID+"/rejects")}, nil
		}
		return nil, events.Reject("no_rows", "The sheet has no rows.", nil)
	}, func(r *events.Runner) { r.Observe = func(a events.Attempt) { ends <- a } })

	job := upload(t, srv)
	want := func(end events.End, delivery uint64, rows int) {
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
	want(events.EndRetried, 1, 0)
	want(events.EndPostponed, 2, 0)
	eventstest.Wait(t, "a job at work that is quiet", func() bool {
		jobs, quiet := s.AtWork()
		return jobs == 1 && quiet > 20*time.Millisecond
	})
	close(hold)
	want(events.EndDone, 3, 7)
	waitFor(t, srv, job.ID, events.KindValidated)
	if jobs, quiet := s.AtWork(); jobs != 0 || quiet != 0 {
		t.Errorf("%d jobs at work, quiet for %s", jobs, quiet)
	}
	upload(t, srv)
	want(events.EndFailed, 1, 0)
}
