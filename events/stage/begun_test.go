package stage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

// killerEnv makes this test binary a process of the stage validation that is
// killed by some jobs.
const killerEnv = "ROLLCALL_TEST_KILLER"

// killerConfig is what such a process is told, as JSON in its environment.
type killerConfig struct {
	NATS, Password string
	// Poison is the job that kills the process, without a word, as the kernel does
	// when memory is short.
	Poison string
	// Slow is how many other jobs must have begun before.
	Slow int
	// Folder is where each job leaves a file when it begins.
	Folder string
}

const killerAttempts = 3

func runKiller() error {
	var cfg killerConfig
	if err := json.Unmarshal([]byte(os.Getenv(killerEnv)), &cfg); err != nil {
		return err
	}
	js, err := events.Connect(events.Connection{URL: cfg.NATS, User: "validation", Password: cfg.Password})
	if err != nil {
		return err
	}
	defer js.Conn().Close()
	var others atomic.Int32
	r := &stage.Runner{Log: events.NewLog(js, events.StageValidation, nil), Stage: events.StageValidation,
		Attempts: killerAttempts, Workers: 4, AckWait: time.Second}
	r.Handle = func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		beside, _ := r.InProgress()
		name := fmt.Sprintf("%s.%d.%d", w.Job.ID, time.Now().UnixNano(), beside-1)
		if err := os.WriteFile(filepath.Join(cfg.Folder, name), nil, 0o600); err != nil {
			return nil, err
		}
		if w.Job.ID != cfg.Poison {
			others.Add(1)
			if cfg.Slow > 0 {
				<-ctx.Done() // killed with the poison
			}
			return validated(ctx, w)
		}
		for int(others.Load()) < cfg.Slow {
			time.Sleep(time.Millisecond)
		}
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return r.Run(context.Background())
}

// startKiller starts a process that the jobs may kill. ended is closed when it
// has ended.
func startKiller(t *testing.T, srv *embedded.Server, cfg killerConfig) (ended <-chan struct{}) {
	t.Helper()
	cfg.NATS, cfg.Password = srv.URL(), srv.Password("validation")
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killerEnv+"="+string(text))
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed
		close(done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if it has ended already
		<-done
	})
	return done
}

// begun returns the files that the jobs left: for each attempt in order, how many
// others ran beside it.
func begun(t *testing.T, folder, jobID string) (beside []string) {
	t.Helper()
	list, err := os.ReadDir(folder) // sorted, so by time
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if strings.HasPrefix(f.Name(), jobID+".") {
			beside = append(beside, f.Name()[strings.LastIndexByte(f.Name(), '.')+1:])
		}
	}
	return beside
}

func setAckWait(t *testing.T, srv *embedded.Server, wait time.Duration) {
	t.Helper()
	js := eventstest.Connect(t, srv, "provisioner")
	c, err := js.Consumer(t.Context(), events.StreamFacts, string(events.StageValidation))
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.CachedInfo().Config
	cfg.AckWait = wait
	if _, err := js.UpdateConsumer(t.Context(), events.StreamFacts, cfg); err != nil {
		t.Fatal(err)
	}
}

// The first death takes the jobs beside with it. After that the poison dies
// alone, until it has failed; the others get through.
func TestAJobThatKillsItsWorkerFails(t *testing.T) {
	srv := eventstest.Start(t)
	setAckWait(t, srv, time.Second)
	poison := upload(t, srv)
	others := []events.Job{upload(t, srv), upload(t, srv)}
	cfg := killerConfig{Poison: poison.ID, Slow: len(others), Folder: t.TempDir()}
	<-startKiller(t, srv, cfg)
	cfg.Slow = 0
	for range killerAttempts - 1 {
		<-startKiller(t, srv, cfg)
	}
	startKiller(t, srv, cfg)
	failed := waitFor(t, srv, poison.ID, events.KindFailed).Failed
	if failed.Code != events.FailedWorkerDied || failed.Attempts != killerAttempts || !failed.Retryable {
		t.Errorf("%+v", failed)
	}
	for _, job := range others {
		waitFor(t, srv, job.ID, events.KindValidated)
		if beside := begun(t, cfg.Folder, job.ID); len(beside) != 2 || beside[1] != "0" {
			t.Errorf("another job began with so many beside it: %q", beside)
		}
	}
	if beside := begun(t, cfg.Folder, poison.ID); len(beside) != killerAttempts ||
		!slices.Equal(beside[1:], []string{"0", "0"}) {
		t.Errorf("the poison began with so many beside it: %q", beside)
	}
}

// Somebody may retry once, and the count begins anew.
func TestAJobThatKillsItsWorkerIsRetriedOnce(t *testing.T) {
	srv := eventstest.Start(t)
	setAckWait(t, srv, time.Second)
	job := upload(t, srv)
	cfg := killerConfig{Poison: job.ID, Folder: t.TempDir()}
	for _, retryable := range []bool{true, false} {
		log := logAs(t, srv, events.StageUpload)
		ended := startKiller(t, srv, cfg)
		eventstest.Wait(t, "failed", func() bool {
			select {
			case <-ended:
				ended = startKiller(t, srv, cfg)
			default:
			}
			var err error
			job, err = log.Load(t.Context(), job.ID)
			return err == nil && job.Kind == events.KindFailed
		})
		if f := job.Failed; f.Code != events.FailedWorkerDied || f.Retryable != retryable || f.Attempts != killerAttempts {
			t.Fatalf("%+v", f)
		}
		if retryable {
			eventstest.Append(t, log, &job, &events.Retried{Stage: job.Stage, By: alice})
		}
	}
	if n := len(begun(t, cfg.Folder, job.ID)); n != 2*killerAttempts {
		t.Errorf("%d attempts", n)
	}
}

// addDeath stores an attempt of a process that has died.
func addDeath(t *testing.T, srv *embedded.Server, job *events.Job, name string) {
	t.Helper()
	log := logAs(t, srv, events.StageValidation)
	if err := log.ChangeProgress(t.Context(), job, func(p *events.Progress) error {
		if p.Service == "" {
			*p = events.Progress{Service: events.StageValidation, Step: events.FileReading, Percent: 10,
				Status: events.StatusProcessing, Trigger: job.Trigger}
		}
		p.Begun = append(p.Begun, name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func unfinished(t *testing.T, srv *embedded.Server, jobID string) []string {
	t.Helper()
	p, _, err := logAs(t, srv, events.StageUpload).Progress(t.Context(), jobID)
	if err != nil {
		t.Fatal(err)
	}
	return p.Begun
}

// A job that may kill its process waits for the jobs that run in it, and keeps
// others out meanwhile, of other stages too. Other processes take those.
func TestAJobThatMayKillRunsAlone(t *testing.T) {
	srv := eventstest.Start(t)
	shared := stage.NewProcess()
	share := func(r *stage.Runner) { r.Process = shared }
	type call struct {
		job    string
		finish chan struct{}
	}
	calls := make(chan call, 9)
	blocking := func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		c := call{w.Job.ID, make(chan struct{})}
		calls <- c
		select {
		case <-c.finish:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if w.Job.Verified != nil {
			return eventstest.Facts(w.Job.ID)[2], nil
		}
		return validated(ctx, w)
	}
	runStage(t, srv, events.StagePersistence, blocking, share)
	ahead := upload(t, srv)
	eventstest.Append(t, logAs(t, srv, events.StageValidation), &ahead, eventstest.Facts(ahead.ID)[0])
	eventstest.Append(t, logAs(t, srv, events.StageIEC), &ahead, eventstest.Facts(ahead.ID)[1])
	first := <-calls // runs when the suspect comes

	suspect := upload(t, srv)
	addDeath(t, srv, &suspect, "a process that died")
	var logged lockedBuffer
	runStage(t, srv, events.StageValidation, blocking, share, func(r *stage.Runner) {
		r.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	})
	eventstest.Wait(t, "the suspect waits", func() bool { return strings.Contains(logged.String(), "waits to run alone") })
	other := upload(t, srv)
	elsewhere := make(chan string, 9)
	second := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		elsewhere <- w.Job.ID
		return validated(ctx, w)
	})
	waitFor(t, srv, other.ID, events.KindValidated)
	second.stop()
	if id := <-elsewhere; id != other.ID {
		t.Fatalf("elsewhere ran %s", id)
	}
	late := upload(t, srv)
	time.Sleep(200 * time.Millisecond) // long enough for both to begin
	select {
	case c := <-calls:
		t.Fatalf("%s runs beside the first job; the suspect is %s", c.job, suspect.ID)
	default:
	}
	close(first.finish)
	c := <-calls
	if c.job != suspect.ID {
		t.Fatalf("next ran %s", c.job)
	}
	time.Sleep(200 * time.Millisecond)
	select {
	case c := <-calls:
		t.Fatalf("%s runs beside the suspect", c.job)
	default:
	}
	close(c.finish)
	c = <-calls
	if c.job != late.ID {
		t.Fatalf("last ran %s", c.job)
	}
	close(c.finish)
	waitFor(t, srv, late.ID, events.KindValidated)
	if list := unfinished(t, srv, suspect.ID); !slices.Contains(list, "a process that died") {
		t.Errorf("the death was forgotten: %q", list)
	}
}

// lockedBuffer is a buffer that several goroutines use.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A service that is deployed again and again ends in order each time.
func TestOrderlyStopsAreNotDeaths(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	for range 10 {
		began := make(chan struct{})
		s := runStage(t, srv, events.StageValidation, func(ctx context.Context, _ *stage.Work) (events.Fact, error) {
			close(began)
			<-ctx.Done()
			return nil, ctx.Err()
		}, func(r *stage.Runner) { r.Grace, r.Attempts = time.Millisecond, 2 })
		<-began
		if n := len(unfinished(t, srv, job.ID)); n != 1 {
			t.Fatalf("%d attempts while one runs", n)
		}
		s.stop()
	}
	if list := unfinished(t, srv, job.ID); len(list) != 0 {
		t.Errorf("begun and not ended: %q", list)
	}
	runStage(t, srv, events.StageValidation, validated)
	waitFor(t, srv, job.ID, events.KindValidated)
}

// Whoever stops a process kills it when that takes too long.
func TestAnAttemptIsTakenBackWhenTheProcessBeginsToStop(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	began, finish := make(chan struct{}), make(chan struct{})
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		close(began)
		<-finish
		return validated(ctx, w)
	}, func(r *stage.Runner) { r.Grace = time.Hour })
	<-began
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	eventstest.Wait(t, "attempt taken back", func() bool { return len(unfinished(t, srv, job.ID)) == 0 })
	close(finish)
	<-stopped
	waitFor(t, srv, job.ID, events.KindValidated)
}

// A process that was cut off from NATS lives: its attempts are no deaths.
func TestALostConnectionIsNoDeath(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir()}
	srv, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Addr = strings.TrimPrefix(srv.URL(), "nats://")
	cfg.Passwords = map[string]string{}
	for _, user := range embedded.Users {
		cfg.Passwords[user] = srv.Password(user)
	}
	defer func() { srv.Stop() }()
	provisioner := eventstest.Connect(t, srv, "provisioner")
	if err := events.Provision(t.Context(), provisioner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	setAckWait(t, srv, time.Second)
	js, err := events.Connect(events.Connection{URL: srv.URL(), User: "validation", Password: srv.Password("validation")})
	if err != nil {
		t.Fatal(err)
	}
	defer js.Conn().Close()
	began := make(chan struct{}, 9)
	var calls atomic.Int32
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		began <- struct{}{}
		if calls.Add(1) == 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return validated(ctx, w)
	}, func(r *stage.Runner) {
		r.Log, r.AckWait, r.Attempts = events.NewLog(js, events.StageValidation, nil), time.Second, 1
	})
	defer s.stop()
	job := upload(t, srv)
	<-began
	srv.Stop()
	time.Sleep(2 * time.Second) // the lease is lost
	if srv, err = embedded.Start(cfg); err != nil {
		t.Fatal(err)
	}
	waitFor(t, srv, job.ID, events.KindValidated)
}

// Failures and pauses end an attempt; what was counted before stays.
func TestOnlyTheAttemptThatEndedIsTakenBack(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	addDeath(t, srv, &job, "a process that died")
	var calls atomic.Int32
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *stage.Work) (events.Fact, error) {
		w.Progress(events.FileReading, int(calls.Load()), 9, "reading")
		if n := len(unfinished(t, srv, w.Job.ID)); n != 2 {
			t.Errorf("%d attempts in attempt %d", n, calls.Load())
		}
		if calls.Add(1) < 4 {
			return nil, errors.New("the disk is slow")
		}
		return validated(ctx, w)
	})
	waitFor(t, srv, job.ID, events.KindValidated)
	s.waitSettled(t)
	if n := calls.Load(); n != 4 {
		t.Errorf("%d attempts", n)
	}
}
