package stage_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

func TestShutdownHandsTheMessageBack(t *testing.T) {
	srv := eventstest.Start(t)
	began := make(chan struct{})
	first := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		close(began)
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), stage.ErrShutdown) {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		return nil, ctx.Err()
	}, func(r *stage.Runner) { r.Grace = time.Millisecond })
	first.waitFetching(t)
	job := upload(t, srv)
	<-began
	first.stop()
	second := runStage(t, srv, events.StageValidation, validated)
	waitFor(t, srv, job.ID, events.KindValidated) // long before AckWait
	second.waitSettled(t)
	if p, ok, err := second.Log.Progress(t.Context(), job.ID); err != nil || (ok && p.Failures != 0) {
		t.Fatalf("a shutdown was counted as a failure: %+v, %v", p, err)
	}
}

func TestShutdownLetsTheHandlerFinish(t *testing.T) {
	srv := eventstest.Start(t)
	began, finish := make(chan struct{}), make(chan struct{})
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		close(began)
		<-finish
		return validated(ctx, w)
	})
	job := upload(t, srv)
	<-began
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	close(finish)
	<-stopped
	waitFor(t, srv, job.ID, events.KindValidated)
}

func TestALostLeaseEndsTheContextOfTheHandler(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	provisioner := eventstest.Connect(t, srv, "provisioner")
	if err := events.Provision(t.Context(), provisioner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	ended := make(chan error, 1)
	var once sync.Once
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		once.Do(func() { close(began) })
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	}, func(r *stage.Runner) { r.AckWait = 300 * time.Millisecond })
	upload(t, srv)
	<-began
	srv.Stop() // from now on nobody renews the lease
	select {
	case err := <-ended:
		if !errors.Is(err, stage.ErrLeaseLost) {
			t.Fatalf("cause %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the context of the handler did not end")
	}
	s.cancel() // first, or the closed connection is an error
	s.Log.JetStream().Conn().Close()
	s.stop()
}
