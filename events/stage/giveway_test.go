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

// A big job that reports progress waits while a small one of the process works, and goes on
// once that has ended.
func TestBigJobsLetSmallOnesGoFirst(t *testing.T) {
	srv := eventstest.Start(t)
	big := bigUpload(t, srv)
	var rows atomic.Int64 // of the big job
	smallWorks, smallMayEnd := make(chan struct{}), make(chan struct{})
	stopBig := make(chan struct{})
	runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if w.Job.ID != big.ID {
			close(smallWorks)
			<-smallMayEnd
			return validated(ctx, w)
		}
		for {
			select {
			case <-stopBig:
				return validated(ctx, w)
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Millisecond):
				w.Progress(events.PreValidation, int(rows.Add(1)), 0, "Checking")
			}
		}
	}, func(r *stage.Runner) { r.GiveWay = true })
	// So long that it may give way for the longest time.
	eventstest.Wait(t, "the big job to work for a while", func() bool { return rows.Load() > 2000 })
	waiting := upload(t, srv)
	<-smallWorks
	before := rows.Load()
	time.Sleep(100 * time.Millisecond)
	if n := rows.Load() - before; n > 20 {
		t.Errorf("the big job has done %d rows while a small one worked", n)
	}
	close(smallMayEnd)
	waitFor(t, srv, waiting.ID, events.KindValidated)
	after := rows.Load()
	eventstest.Wait(t, "the big job to go on", func() bool { return rows.Load() > after+10 })
	close(stopBig)
	waitFor(t, srv, big.ID, events.KindValidated)
}

// However long small jobs work, a big one has three quarters of its time for itself.
func TestBigJobsDoNotWaitForSmallOnesForEver(t *testing.T) {
	srv := eventstest.Start(t)
	big := bigUpload(t, srv)
	smallWorks, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	var working, waited time.Duration // of the big job; read once it has ended
	runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if w.Job.ID != big.ID {
			close(smallWorks)
			select {
			case <-release:
			case <-ctx.Done():
			}
			return validated(ctx, w)
		}
		began := time.Now()
		select {
		case <-smallWorks:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		for n := range 300 {
			time.Sleep(time.Millisecond)
			before := time.Now()
			w.Progress(events.PreValidation, n+1, 0, "Checking")
			waited += time.Since(before)
		}
		working = time.Since(began)
		return validated(ctx, w)
	}, func(r *stage.Runner) { r.GiveWay = true })
	upload(t, srv) // works until the test ends
	waitFor(t, srv, big.ID, events.KindValidated)
	if waited < working/20 || waited > working/2 { // progress that is stored is in it
		t.Errorf("the big job waited %s of %s", waited, working)
	}
}
