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

// Two workers have the same message. While one works, the other pauses the job,
// or has paused it and goes on. The fact of the first worker is refused. The
// first worker must not acknowledge the message: nobody would go on with the
// job.
func TestAJobPausedByAnotherWorkerGoesOn(t *testing.T) {
	t.Parallel()
	until := func(d time.Duration) time.Time { return time.Now().Add(d).UTC() }
	paused := func(resumes time.Time) *events.Paused {
		return &events.Paused{
			Stage: events.StageIEC, Reason: events.PauseUnavailable, Message: "Wait.", ResumesAt: resumes,
		}
	}
	for name, first := range map[string]func(other *events.Log, w *stage.Work) (events.Fact, error){
		"result of a paused job": func(other *events.Log, w *stage.Work) (events.Fact, error) {
			job := w.Job
			eventstest.Append(t, other, &job, paused(until(300*time.Millisecond)))
			return eventstest.Facts(job.ID)[1], nil
		},
		"second pause": func(other *events.Log, w *stage.Work) (events.Fact, error) {
			job := w.Job
			eventstest.Append(t, other, &job, paused(until(300*time.Millisecond)))
			return nil, stage.Postpone(until(500*time.Millisecond), events.PauseUnavailable, "Wait longer.", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
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
			s.waitSettled(t)
			if n := calls.Load(); n != 2 {
				t.Errorf("%d attempts, want 2", n)
			}
		})
	}
}
