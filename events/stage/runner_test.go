package stage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
)

// stage runs a handler as one stage until the test ends or stop is called.
type running struct {
	*stage.Runner
	srv  *embedded.Server
	stop func()
}

func runStage(t *testing.T, srv *embedded.Server, name events.Stage, h stage.Handler, change ...func(*stage.Runner)) *running {
	t.Helper()
	r := &stage.Runner{Log: logAs(t, srv, name), Stage: name, Handle: h,
		Backoff: func(int) time.Duration { return time.Millisecond }}
	for _, c := range change {
		c(r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("run %s: %v", name, err)
		}
	})
	stop := sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return &running{Runner: r, srv: srv, stop: stop}
}

// settled waits until the stage's consumer has nothing left to hand out.
func (s *running) settled(t *testing.T) {
	t.Helper()
	js := eventstest.Connect(t, s.srv, "operator")
	eventstest.Wait(t, "all messages acknowledged", func() bool {
		c, err := js.Consumer(t.Context(), events.StreamFacts, string(s.Stage))
		if err != nil {
			return false
		}
		info := c.CachedInfo()
		return info.NumAckPending == 0 && info.NumPending == 0
	})
}

func waitFor(t *testing.T, srv *embedded.Server, id string, kind events.Kind) events.Job {
	t.Helper()
	l := logAs(t, srv, events.StageUpload)
	var job events.Job
	eventstest.Wait(t, string(kind), func() bool {
		var err error
		job, err = l.Load(t.Context(), id)
		return err == nil && job.Kind == kind
	})
	return job
}

func validated(_ context.Context, w *stage.Work) (events.Fact, error) {
	return eventstest.Facts(w.Job.ID)[0], nil
}

func TestRunnerAppendsTheFactThenAcknowledges(t *testing.T) {
	srv := eventstest.Start(t)
	var calls atomic.Int32
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		calls.Add(1)
		w.Progress(events.PreValidation, 5, 10, "half way")
		return validated(ctx, w)
	})
	job := upload(t, srv)
	done := waitFor(t, srv, job.ID, events.KindValidated)
	s.settled(t)
	if done.Validated.Cause != job.Seq || calls.Load() != 1 {
		t.Fatalf("cause %d, want %d; %d calls", done.Validated.Cause, job.Seq, calls.Load())
	}
	p, ok, err := s.Log.Progress(t.Context(), job.ID)
	if err != nil || !ok || p.Percent != 32 || p.Processed != 5 || p.Total != 10 {
		t.Fatalf("progress %+v, %v, %v", p, ok, err)
	}
}

func TestRunnerDoesNotWorkTwiceWhenTheAckWasLost(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	// A worker that died between its append and its acknowledgement.
	dead := logAs(t, srv, events.StageValidation)
	eventstest.Append(t, dead, &job, eventstest.Facts(job.ID)[0])
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		t.Error("worked again")
		return nil, errors.New("no")
	})
	s.settled(t)
}

func TestRunnerRejects(t *testing.T) {
	srv := eventstest.Start(t)
	cause := errors.New("row 7 is odd")
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		return nil, stage.Reject("no_rows", "The sheet has no rows. Please add some.", cause)
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
	s.settled(t)
	if f := job.Failed; f.Code != "no_rows" || f.Attempts != 1 || f.Retryable || f.Stage != events.StageValidation {
		t.Fatalf("failed %+v", f)
	}
}

func TestRunnerGivesUpAfterTheLastAttempt(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("disk on fire") },
		"panic": func() error { panic("parser bug") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := eventstest.Start(t)
			var calls atomic.Int32
			s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
				calls.Add(1)
				return nil, fail()
			}, func(r *stage.Runner) { r.Attempts = 3 })
			job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
			s.settled(t)
			if calls.Load() != 3 || job.Failed.Attempts != 3 || !job.Failed.Retryable || job.Failed.Code != "internal_error" {
				t.Fatalf("%d calls, %+v", calls.Load(), job.Failed)
			}
		})
	}
}

// What a panic says may quote a row: the log has its type and where it was.
func TestWhyTheStageGaveUp(t *testing.T) {
	for code, err := range map[string]error{
		"artifact_damaged":    fmt.Errorf("read rows: %w", events.ErrMissing),
		"storage_unavailable": fmt.Errorf("put rows: %w", jetstream.ErrAsyncPublishTimeout),
	} {
		srv := eventstest.Start(t)
		runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
			return nil, err
		}, func(r *stage.Runner) { r.Attempts = 2 })
		job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
		if f := job.Failed; f.Code != code || f.Attempts != 2 || !f.Retryable {
			t.Errorf("%v: %+v", err, f)
		}
	}
}

func TestAPanicIsToldWithoutItsWords(t *testing.T) {
	srv := eventstest.Start(t)
	var told bytes.Buffer
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		panic("row of 8001015009087")
	}, func(r *stage.Runner) {
		r.Attempts = 2
		r.Logger = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug})) // which locks
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
	s.settled(t)
	s.stop()
	for where, text := range map[string]string{"the log": told.String(), "the fact": fmt.Sprintf("%+v", job.Failed)} {
		if strings.Contains(text, "8001015009087") {
			t.Errorf("%s quotes it: %s", where, text)
		}
	}
	if !strings.Contains(told.String(), "msg=panic ") || !strings.Contains(told.String(), " type=string ") || !strings.Contains(told.String(), "runner_test.go") {
		t.Errorf("logged %s", &told)
	}
}

func TestFailuresAreCountedAcrossProcesses(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	var calls atomic.Int32
	failing := func(context.Context, *stage.Work) (events.Fact, error) {
		calls.Add(1)
		return nil, errors.New("no")
	}
	const attempts = 4
	for range attempts {
		s := runStage(t, srv, events.StageValidation, failing, func(r *stage.Runner) {
			r.Attempts, r.Workers = attempts, 1
			r.Backoff = func(int) time.Duration { return 10 * time.Millisecond }
		})
		n := calls.Load()
		eventstest.Wait(t, "another attempt", func() bool { return calls.Load() > n || calls.Load() == attempts })
		s.stop()
	}
	if job = waitFor(t, srv, job.ID, events.KindFailed); job.Failed.Attempts != attempts || calls.Load() != attempts {
		t.Fatalf("%d calls, %+v", calls.Load(), job.Failed)
	}
}

func TestRetriedSetsTheFailedStageToWorkAgain(t *testing.T) {
	srv := eventstest.Start(t)
	var mended atomic.Bool
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if !mended.Load() {
			return nil, &stage.Rejection{Refusal: refusal.New("x", "m"), Retryable: true}
		}
		return validated(ctx, w)
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
	mended.Store(true)
	eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Retried{Stage: job.Stage, By: alice})
	retried := job.Seq
	job = waitFor(t, srv, job.ID, events.KindValidated)
	s.settled(t)
	if job.Validated.Cause != retried || job.Failed != nil {
		t.Fatalf("caused by %d, want %d", job.Validated.Cause, retried)
	}
}

func TestLaterPausesAndResumesByItself(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	eventstest.Append(t, logAs(t, srv, events.StageValidation), &job, eventstest.Facts(job.ID)[0])
	var calls atomic.Int32
	until := time.Now().Add(300 * time.Millisecond)
	s := runStage(t, srv, events.StageIEC, func(_ context.Context, w *stage.Work) (events.Fact, error) {
		if calls.Add(1) == 1 {
			w.Progress(events.IECVerification, 3, 9, "asking")
			return nil, stage.Postpone(until, events.PauseQuota, "The hourly quota is spent.", nil)
		}
		return eventstest.Facts(w.Job.ID)[1], nil
	})
	paused := waitFor(t, srv, job.ID, events.KindPaused)
	if p := paused.Paused; p.Processed != 3 || p.Total != 9 || paused.Status != events.StatusPaused || paused.Standing.Percent != 50 {
		t.Fatalf("paused %+v", p)
	}
	job = waitFor(t, srv, job.ID, events.KindVerified)
	s.settled(t)
	list, err := s.Log.Replay(t.Context(), job.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []events.Kind
	for _, e := range list {
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) != 5 || kinds[2] != events.KindPaused || kinds[3] != events.KindResumed || list[3].At.Before(until) {
		t.Fatalf("history %v", kinds)
	}
}

func TestCancelStopsTheHandler(t *testing.T) {
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
		t.Fatal("the handler was not told")
	}
	s.settled(t)
}

// The live word of a cancellation may be lost; the next heartbeat asks.
func TestCancelIsNoticedByTheHeartbeat(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "provisioner")
	stream, err := js.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	mute := stream.CachedInfo().Config
	mute.RePublish = nil
	if _, err := js.UpdateStream(t.Context(), mute); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		job := w.Job
		eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	}, func(r *stage.Runner) { r.AckWait = 300 * time.Millisecond })
	upload(t, srv)
	select {
	case err := <-ended:
		if !errors.Is(err, stage.ErrCancelled) {
			t.Fatalf("cause %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the handler was not told")
	}
	s.settled(t)
}

func TestCancelBeatsAResult(t *testing.T) {
	srv := eventstest.Start(t)
	s := runStage(t, srv, events.StageValidation, func(_ context.Context, w *stage.Work) (events.Fact, error) {
		job := w.Job
		eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
		return eventstest.Facts(job.ID)[0], nil
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindCancelled)
	s.settled(t)
	if job, err := s.Log.Load(t.Context(), job.ID); err != nil || job.Kind != events.KindCancelled {
		t.Fatalf("after cancelled: %s, %v", job.Kind, err)
	}
}

// A cancellation may come when the stage has done its work and only the fact is
// missing, or when nobody holds the message: the work is taken back either way.
func TestTheWorkOfACancelledJobIsTakenBack(t *testing.T) {
	cancel := func(t *testing.T, srv *embedded.Server, job events.Job) {
		eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Cancelled{Stage: job.Stage, By: alice})
	}
	undone := make(chan string, 9)
	undo := func(r *stage.Runner) {
		tries := 0
		r.Undo = func(_ context.Context, job *events.Job) error {
			if tries++; tries == 1 {
				return errors.New("the database is away")
			}
			undone <- job.ID
			return nil
		}
	}
	t.Run("while it was at work", func(t *testing.T) {
		srv := eventstest.Start(t)
		s := runStage(t, srv, events.StageValidation, func(_ context.Context, w *stage.Work) (events.Fact, error) {
			cancel(t, srv, w.Job)
			return eventstest.Facts(w.Job.ID)[0], nil
		}, undo)
		job := waitFor(t, srv, upload(t, srv).ID, events.KindCancelled)
		if id := <-undone; id != job.ID {
			t.Errorf("undone %s", id)
		}
		s.settled(t)
	})
	t.Run("before it began", func(t *testing.T) {
		srv := eventstest.Start(t)
		job := upload(t, srv)
		cancel(t, srv, job)
		s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
			t.Error("a cancelled job was worked on")
			return nil, nil
		}, undo)
		if id := <-undone; id != job.ID {
			t.Errorf("undone %s", id)
		}
		s.settled(t)
	})
}

func TestShutdownHandsTheMessageBackAtOnce(t *testing.T) {
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
	job := upload(t, srv)
	<-began
	first.stop()
	second := runStage(t, srv, events.StageValidation, validated)
	waitFor(t, srv, job.ID, events.KindValidated) // long before AckWait
	second.settled(t)
	if p, ok, err := second.Log.Progress(t.Context(), job.ID); err != nil || (ok && p.Failures != 0) {
		t.Fatalf("a shutdown was counted as a failure: %+v, %v", p, err)
	}
}

func TestShutdownLetsWorkInHandFinish(t *testing.T) {
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

func TestALostLeaseEndsTheHandler(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	if err := events.Provision(t.Context(), eventstest.Connect(t, srv, "provisioner"), events.ProvisionConfig{}); err != nil {
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
	srv.Stop() // nobody agrees to a renewal any more
	select {
	case err := <-ended:
		if !errors.Is(err, stage.ErrLeaseLost) {
			t.Fatalf("cause %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the handler went on without a lease")
	}
	s.Log.JetStream().Conn().Close()
	s.stop()
}

func TestForgedTriggersAreTerminated(t *testing.T) {
	srv := eventstest.Start(t)
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		t.Error("worked on a forgery")
		return nil, errors.New("no")
	})
	js := eventstest.Connect(t, srv, "upload")
	if _, err := js.Publish(t.Context(), events.Subject(events.NewJobID(), events.KindUploaded), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	s.settled(t)
}

func TestOneJobForeverBrokenDoesNotHoldUpOthers(t *testing.T) {
	srv := eventstest.Start(t)
	poison := upload(t, srv)
	runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if w.Job.ID == poison.ID {
			panic("poison")
		}
		return validated(ctx, w)
	}, func(r *stage.Runner) {
		r.Workers, r.Backoff = 1, func(int) time.Duration { return time.Hour }
	})
	for range 5 {
		waitFor(t, srv, upload(t, srv).ID, events.KindValidated)
	}
}
