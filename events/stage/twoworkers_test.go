package stage_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

// A message that came to two workers: while one of them works, the other one pauses the
// job, or has paused it and goes on. Whatever the first one is about to store is
// refused; it must not take the message away with it, for then nobody would ever go
// on.
func TestWhatAnotherWorkerHasPausedGoesOn(t *testing.T) {
	t.Parallel()
	until := func(d time.Duration) time.Time { return time.Now().Add(d).UTC() }
	paused := func(resumes time.Time) *events.Paused {
		return &events.Paused{Stage: events.StageIEC, Reason: events.PauseUnavailable, Message: "Wait.", ResumesAt: resumes}
	}
	for what, first := range map[string]func(other *events.Log, w *stage.Work) (events.Fact, error){
		"the result of a job that was paused": func(other *events.Log, w *stage.Work) (events.Fact, error) {
			job := w.Job
			eventstest.Append(t, other, &job, paused(until(300*time.Millisecond)))
			return eventstest.Facts(job.ID)[1], nil
		},
		"a second pause": func(other *events.Log, w *stage.Work) (events.Fact, error) {
			job := w.Job
			eventstest.Append(t, other, &job, paused(until(300*time.Millisecond)))
			return nil, stage.Postpone(until(500*time.Millisecond), events.PauseUnavailable, "Wait longer.", nil)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			srv := eventstest.Start(t)
			job := upload(t, srv)
			eventstest.Append(t, logAs(t, srv, events.StageValidation), &job, eventstest.Facts(job.ID)[0])
			other := logAs(t, srv, events.StageIEC)
			var calls atomic.Int32
			s := runStage(t, srv, events.StageIEC, func(_ context.Context, w *stage.Work) (events.Fact, error) {
				if calls.Add(1) == 1 {
					return first(other, w)
				}
				return eventstest.Facts(w.Job.ID)[1], nil
			})
			waitFor(t, srv, job.ID, events.KindVerified)
			s.settled(t)
			if n := calls.Load(); n != 2 {
				t.Errorf("%d attempts", n)
			}
		})
	}
}
