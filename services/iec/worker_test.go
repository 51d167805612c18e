package iec

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
	"rollcall.example/services/iec/answers"
)

// workerEnv makes this test binary a process of the stage, for tests that kill it.
const workerEnv = "ROLLCALL_TEST_IEC_WORKER"

// workerConfig is what a worker is told, as JSON in its environment.
type workerConfig struct {
	NATS, Password, IEC string
	Limit               int
	Window, AckWait     time.Duration
}

func runWorker() error {
	var cfg workerConfig
	if err := json.Unmarshal([]byte(os.Getenv(workerEnv)), &cfg); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	js, err := events.Connect(events.Connection{URL: cfg.NATS, User: "iec", Password: cfg.Password})
	if err != nil {
		return err
	}
	defer js.Conn().Close()
	quotaKV, err := js.KeyValue(ctx, events.KVQuota)
	if err != nil {
		return err
	}
	quota, err := NewQuota(quotaKV, QuotaConfig{Limit: cfg.Limit, Window: cfg.Window})
	if err != nil {
		return err
	}
	kept, err := answers.Open(js, answers.Config{Key: "k"})
	if err != nil {
		return err
	}
	defer kept.Close()
	client, err := NewClient(ClientConfig{BaseURL: cfg.IEC, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s := New(Config{Store: events.NewStore(js), Client: client, Quota: quota, Answers: kept,
		Outage: 200 * time.Millisecond, Logger: log})
	r := &stage.Runner{Log: events.NewLog(js, events.StageIEC, log), Stage: events.StageIEC, Handle: s.Handle,
		Workers: 4, AckWait: cfg.AckWait, Logger: log}
	return r.Run(ctx)
}

// worker is a process of the stage.
type worker struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func startWorker(t *testing.T, srv *embedded.Server, cfg workerConfig) *worker {
	t.Helper()
	cfg.NATS, cfg.Password = srv.URL(), srv.Password("iec")
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{cmd: exec.Command(os.Args[0]), done: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), workerEnv+"="+string(text))
	w.cmd.Stderr = t.Output()
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = w.cmd.Wait() // killed
		close(w.done)
	}()
	t.Cleanup(w.kill)
	return w
}

// kill ends the process as a power cut would.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // fails if it has ended already
	<-w.done
}

// setAckWait makes the server give a dead worker's message to another one soon.
func setAckWait(t *testing.T, r *rig, wait time.Duration) {
	t.Helper()
	js := r.connect(t, eventstest.Owner)
	c, err := js.Consumer(t.Context(), events.StreamFacts, string(events.StageIEC))
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.CachedInfo().Config
	cfg.AckWait = wait
	if _, err := js.UpdateConsumer(t.Context(), events.StreamFacts, cfg); err != nil {
		t.Fatal(err)
	}
}

// waitLong waits for what takes several windows of the quota.
func waitLong(t *testing.T, what string, cond func() bool) {
	t.Helper()
	eventstest.WaitFor(t, 2*time.Minute, what, cond)
}

func (r *rig) waitVerified(t *testing.T, jobID string) (job events.Job) {
	t.Helper()
	waitLong(t, "verified", func() bool {
		var err error
		job, err = r.log.Load(t.Context(), jobID)
		return err == nil && (job.Verified != nil || job.Ended())
	})
	if job.Verified == nil {
		t.Fatal(fmt.Errorf("job ended as %s: %+v", job.Status, job.Failed))
	}
	return job
}
