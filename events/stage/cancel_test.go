package stage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

func TestCancelEndsTheContextOfTheHandler(t *testing.T) {
	srv := eventstest.Start(t)
	began := make(chan struct{})
	ended := make(chan error, 1)
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	job := upload(t, srv)
	<-began
	eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
	select {
	case err := <-ended:
		if !errors.Is(err, stage.ErrCancelled) {
			t.Fatalf("cause %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the context of the handler did not end")
	}
	s.waitSettled(t)
}

// The live message about a cancellation may get lost. The attempt ends within two
// seconds.
func TestACancelIsNoticedWithoutItsLiveMessage(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, eventstest.Owner)
	stream, err := js.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	silent := stream.CachedInfo().Config
	silent.RePublish = nil
	if _, err := js.UpdateStream(t.Context(), silent); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		job := w.Job
		eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
		cancelled := time.Now()
		<-ctx.Done()
		if took := time.Since(cancelled); took > 5*time.Second { // of a busy machine
			t.Errorf("noticed after %s", took)
		}
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	upload(t, srv)
	select {
	case err := <-ended:
		if !errors.Is(err, stage.ErrCancelled) {
			t.Fatalf("cause %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the context of the handler did not end")
	}
	s.waitSettled(t)
}

func TestCancelWinsOverAResult(t *testing.T) {
	srv := eventstest.Start(t)
	s := runStage(t, srv, events.StageValidation, func(_ context.Context, w *stage.Work) (events.Fact, error) {
		job := w.Job
		eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
		return eventstest.Facts(job.ID)[0], nil
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindCancelled)
	s.waitSettled(t)
	if job, err := s.Log.Load(t.Context(), job.ID); err != nil || job.Kind != events.KindCancelled {
		t.Fatalf("after cancelled: %s, %v", job.Kind, err)
	}
}

// A cancellation may come when the stage has done its work and only the fact is
// missing, or when no worker has the message.
func TestTheRunnerUndoesTheWorkOfACancelledJob(t *testing.T) {
	cancel := func(t *testing.T, srv *embedded.Server, job events.Job) {
		eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
	}
	undone := make(chan string, 9)
	undo := func(r *stage.Runner) {
		tries := 0
		r.Undo = func(_ context.Context, job *events.Job) error {
			if tries++; tries == 1 {
				return errors.New("the database does not answer")
			}
			undone <- job.ID
			return nil
		}
	}
	t.Run("while the stage works", func(t *testing.T) {
		srv := eventstest.Start(t)
		s := runStage(t, srv, events.StageValidation, func(_ context.Context, w *stage.Work) (events.Fact, error) {
			cancel(t, srv, w.Job)
			return eventstest.Facts(w.Job.ID)[0], nil
		}, undo)
		job := waitFor(t, srv, upload(t, srv).ID, events.KindCancelled)
		if id := <-undone; id != job.ID {
			t.Errorf("undone %s", id)
		}
		s.waitSettled(t)
	})
	t.Run("before the stage begins", func(t *testing.T) {
		srv := eventstest.Start(t)
		job := upload(t, srv)
		cancel(t, srv, job)
		s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
			t.Error("the handler ran for a cancelled job")
			return nil, nil
		}, undo)
		if id := <-undone; id != job.ID {
			t.Errorf("undone %s", id)
		}
		s.waitSettled(t)
	})
}
