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

// running is a runner that works until the test ends or stop is called.
type running struct {
	*stage.Runner
	srv    *embedded.Server
	cancel func() // tells it to stop
	stop   func() // and waits
}

// runStage runs a handler as a stage. Failures are repeated at once.
func runStage(t *testing.T, srv *embedded.Server, name events.Stage, h stage.Handler, change ...func(*stage.Runner),
) *running {
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
	return &running{Runner: r, srv: srv, cancel: cancel, stop: stop}
}

// waitSettled waits until the stage's consumer has nothing left to deliver.
func (s *running) waitSettled(t *testing.T) {
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

// waitFetching waits until the server knows all fetches of the stage. A fetch that
// arrives together with the end of its subscription is answered nonetheless, and the
// message lost until AckWait: the server does not see the end across accounts.
func (s *running) waitFetching(t *testing.T) {
	t.Helper()
	js := eventstest.Connect(t, s.srv, "operator")
	const fetches = 2 + 2 + 1 // workers, places for small jobs, and one more
	eventstest.Wait(t, "all fetches", func() bool {
		c, err := js.Consumer(t.Context(), events.StreamFacts, string(s.Stage))
		return err == nil && c.CachedInfo().NumWaiting == fetches
	})
}

// waitFor waits until the newest fact of a job is of the kind.
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

// validated is a handler that validates the job.
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
	s.waitSettled(t)
	if done.Validated.Cause != job.Seq || calls.Load() != 1 {
		t.Fatalf("cause %d, want %d; %d calls", done.Validated.Cause, job.Seq, calls.Load())
	}
	p, ok, err := s.Log.Progress(t.Context(), job.ID)
	if err != nil || !ok || p.Percent != 32 || p.Processed != 5 || p.Total != 10 {
		t.Fatalf("progress %+v, %v, %v", p, ok, err)
	}
}

func TestRunnerDoesNothingWhenTheFactIsStored(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	// This worker died between its append and its acknowledgement.
	dead := logAs(t, srv, events.StageValidation)
	eventstest.Append(t, dead, &job, eventstest.Facts(job.ID)[0])
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		t.Error("the handler ran again")
		return nil, errors.New("no")
	})
	s.waitSettled(t)
}

func TestRejectFailsTheJob(t *testing.T) {
	srv := eventstest.Start(t)
	cause := errors.New("row 7 is odd")
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		return nil, stage.Reject("no_rows", "The sheet has no rows. Please add some.", cause)
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
	s.waitSettled(t)
	if f := job.Failed; f.Code != "no_rows" || f.Attempts != 1 || f.Retryable || f.Stage != events.StageValidation {
		t.Fatalf("failed %+v", f)
	}
}

func TestTheLastFailedAttemptFailsTheJob(t *testing.T) {
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
			s.waitSettled(t)
			if calls.Load() != 3 || job.Failed.Attempts != 3 || !job.Failed.Retryable || job.Failed.Code != "internal_error" {
				t.Fatalf("%d calls, %+v", calls.Load(), job.Failed)
			}
		})
	}
}

func TestTheLastErrorDecidesTheCode(t *testing.T) {
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

// The value of a panic may quote a row. The log has only its type and its place.
func TestThePanicValueIsNotLogged(t *testing.T) {
	srv := eventstest.Start(t)
	var logged bytes.Buffer
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		panic("row of 8001015009087")
	}, func(r *stage.Runner) {
		r.Attempts = 2
		// The handler locks its writes.
		r.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
	s.waitSettled(t)
	s.stop()
	for where, text := range map[string]string{"the log": logged.String(), "the fact": fmt.Sprintf("%+v", job.Failed)} {
		if strings.Contains(text, "8001015009087") {
			t.Errorf("%s quotes it: %s", where, text)
		}
	}
	for _, want := range []string{`msg="handler panicked" `, " type=string ", "runner_test.go"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("logged without %s: %s", want, &logged)
		}
	}
}

func TestTheCountOfFailuresSurvivesTheProcess(t *testing.T) {
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

func TestRetriedRunsTheFailedStageAgain(t *testing.T) {
	srv := eventstest.Start(t)
	var repaired atomic.Bool
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		if !repaired.Load() {
			return nil, &stage.Rejection{Refusal: refusal.New("x", "m"), Retryable: true}
		}
		return validated(ctx, w)
	})
	job := waitFor(t, srv, upload(t, srv).ID, events.KindFailed)
	repaired.Store(true)
	eventstest.Append(t, logAs(t, srv, events.StageUpload), &job, &events.Retried{Stage: job.Stage, By: alice})
	retried := job.Seq
	job = waitFor(t, srv, job.ID, events.KindValidated)
	s.waitSettled(t)
	if job.Validated.Cause != retried || job.Failed != nil {
		t.Fatalf("caused by %d, want %d", job.Validated.Cause, retried)
	}
}

func TestPostponePausesAndResumes(t *testing.T) {
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
	if p := paused.Paused; p.Processed != 3 || p.Total != 9 {
		t.Fatalf("paused %+v", p)
	}
	if paused.Status != events.StatusPaused || paused.Standing.Percent != 50 {
		t.Fatalf("paused job %+v", paused)
	}
	job = waitFor(t, srv, job.ID, events.KindVerified)
	s.waitSettled(t)
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

func TestRunnerTerminatesForgedMessages(t *testing.T) {
	srv := eventstest.Start(t)
	s := runStage(t, srv, events.StageValidation, func(context.Context, *stage.Work) (events.Fact, error) {
		t.Error("the handler ran for a forged message")
		return nil, errors.New("no")
	})
	js := eventstest.Connect(t, srv, "upload")
	subject := events.Subject(events.NewJobID(), events.KindUploaded)
	if _, err := js.Publish(t.Context(), subject, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	s.waitSettled(t)
}

func TestABrokenJobDoesNotDelayOthers(t *testing.T) {
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
