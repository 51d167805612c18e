package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// options are those of the command line; what they are without is the short form.
type options struct {
	jobs, rows int
	seed       uint64
	// span is for how long things go wrong, down for how long each one at most.
	span, down time.Duration
}

var (
	jobsFlag = flag.Int("jobs", 20, "files to upload")
	rowsFlag = flag.Int("rows", 300, "rows of the largest file")
	seedFlag = flag.Uint64("seed", 0, "chooses files and plan; 0 makes one up")
	spanFlag = flag.Duration("span", 10*time.Second, "for how long processes are killed and lines are broken")
	downFlag = flag.Duration("down", 300*time.Millisecond, "for how long each is down or broken at most")
	fullFlag = flag.Bool("full", false, "leave consumers as they are shipped: what a killed process had in hand waits for a minute")
)

// Every process is killed at random instants, and every line broken, while files
// are uploaded and followed. Each accepted upload becomes one job that ends once,
// members and figures are those of one file written after the other, each client
// has seen every event, and the IEC was hardly asked about anybody twice.
func TestChaos(t *testing.T) {
	t.Parallel()
	o := options{jobs: *jobsFlag, rows: *rowsFlag, seed: *seedFlag, span: *spanFlag, down: *downFlag}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	again := fmt.Sprintf("go tool task test:chaos -- -jobs %d -rows %d -span %s -down %s -seed %d -full=%t", o.jobs, o.rows, o.span, o.down, o.seed, *fullFlag)
	t.Logf("to repeat it: %s", again)
	began := time.Now()
	h := newHouse(t)
	if !*fullFlag {
		h.hurry()
	}
	processes, lines := h.targets()
	plan := newPlan(o, processes, lines)
	users := []*user{h.newUser("alice"), h.newUser("bob"), h.newUser("carol")}

	hooks := newReceiver(t)
	for _, u := range users {
		if err := u.hook(t.Context(), hooks.URL); err != nil {
			t.Fatal(err)
		}
	}

	deadline := 4*time.Minute + 2*o.span
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	jobs := make([]*job, o.jobs)
	var uploading, following, striking sync.WaitGroup
	start := time.Now()
	for i, f := range plan.files {
		u := users[i%len(users)]
		uploading.Go(func() {
			sleepUntil(ctx, start.Add(plan.uploads[i]))
			id, err := u.upload(ctx, f)
			jobs[i] = &job{id: id, file: f, user: u}
			if err != nil {
				t.Errorf("upload %s: %v", f.name, err)
				return
			}
			following.Go(func() {
				seen, err := u.follow(ctx, id, u.gateways[i%replicas])
				jobs[i].seen = seen
				if err != nil {
					t.Errorf("follow %s: %v", id, err)
				}
			})
		})
	}
	for _, s := range plan.strikes {
		striking.Go(func() {
			sleepUntil(ctx, start.Add(s.at))
			if err := h.strike(s); err != nil {
				t.Errorf("%v: %v", s, err)
			}
		})
	}
	striking.Wait()
	uploading.Wait()
	if t.Failed() {
		return
	}
	retries := h.settle(ctx, jobs)
	following.Wait()
	if t.Failed() {
		return
	}

	r := h.check(jobs, retries)
	r.toldTwice = hooks.check(t, jobs, retries)
	r.took = time.Since(began)
	http.DefaultClient.CloseIdleConnections()
	fmt.Printf("chaos: %s\n", h.summary(r, users))
	if t.Failed() {
		for _, s := range plan.strikes {
			t.Log(s)
		}
	}
}

// job is an accepted upload.
type job struct {
	id   string
	file *file
	user *user
	seen []uint64 // the facts that its client was shown, once following is over
}

// hurry has the server hand out earlier what a killed process had in hand, a
// little after the next heartbeat of one that lives would have come.
func (h *house) hurry() {
	js := h.connect("provisioner")
	durables := []string{events.ConsumerProjection, events.ConsumerWebhook}
	for _, stage := range events.Stages {
		durables = append(durables, string(stage))
	}
	for _, durable := range durables {
		c, err := js.Consumer(h.t.Context(), events.StreamFacts, durable)
		if err != nil {
			h.t.Fatal(err)
		}
		cfg := c.CachedInfo().Config
		cfg.AckWait = events.AckWait/3 + 5*time.Second
		if _, err := js.UpdateConsumer(h.t.Context(), events.StreamFacts, cfg); err != nil {
			h.t.Fatal(err)
		}
	}
}

// settle waits until every job is complete, or failed as its file deserves, and
// retries those that failed otherwise. It returns how many those were.
func (h *house) settle(ctx context.Context, jobs []*job) (retries int) {
	h.t.Helper()
	for name, p := range h.running {
		if p.addr != "" {
			wait(h.t, name+" to be healthy again", time.Minute, func() bool { return get(p.addr+"/healthz") == http.StatusOK })
		}
	}
	log := events.NewLog(h.connect("operator"), "", nil)
	for left := slices.Clone(jobs); len(left) > 0; {
		if ctx.Err() != nil {
			for _, j := range left {
				got, err := log.Load(context.WithoutCancel(ctx), j.id)
				h.t.Errorf("%s, %s, has not ended: %s in %s, %v", j.id, j.file.name, got.Status, got.Stage, err)
			}
			return retries
		}
		left = slices.DeleteFunc(left, func(j *job) bool {
			got, err := log.Load(ctx, j.id)
			if err != nil || !got.Ended() {
				return false
			}
			if got.Failed == nil || !got.Failed.Retryable {
				return true
			}
			h.t.Logf("%s failed in %s: %s, %s", j.id, got.Stage, got.Failed.Code, got.Failed.Message)
			retries++
			if err := j.user.retry(ctx, j.id); err != nil {
				h.t.Errorf("retry %s: %v", j.id, err)
				return true
			}
			return false
		})
		time.Sleep(100 * time.Millisecond)
	}
	return retries
}

func get(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close() // nothing of it is wanted
	return resp.StatusCode
}

func sleepUntil(ctx context.Context, at time.Time) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(at)):
	}
}

// stored returns every message of the facts whose subject fits.
func stored(t *testing.T, js jetstream.JetStream, filter string) (list []*jetstream.RawStreamMsg) {
	t.Helper()
	var from uint64
	for more := true; more; {
		var msgs []*jetstream.RawStreamMsg
		var err error
		if msgs, more, err = events.Read(t.Context(), js, events.StreamFacts, filter, from+1); err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			from = m.Sequence
		}
		list = append(list, msgs...)
	}
	return list
}
