package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
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
// has seen every event, the IEC was hardly asked about anybody twice, and of what
// is kept no longer nothing is left.
func TestChaos(t *testing.T) {
	t.Parallel()
	o := options{jobs: *jobsFlag, rows: *rowsFlag, seed: *seedFlag, span: *spanFlag, down: *downFlag}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	again := fmt.Sprintf("go tool task test:chaos -- -jobs %d -rows %d -span %s -down %s -seed %d -full=%t", o.jobs, o.rows, o.span, o.down, o.seed, *fullFlag)
	t.Logf("to repeat it: %s", again)
	began := time.Now()
	// Short, so that sweeps meet all that goes wrong.
	h := newHouse(t, o.span/5)
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
	log := events.NewLog(h.connect("operator"), "", nil)
	var uploading, following, striking sync.WaitGroup
	start := time.Now()
	for i, f := range plan.files {
		u := users[i%len(users)]
		uploading.Go(func() {
			sleepUntil(ctx, start.Add(plan.uploads[i]))
			upload := u.upload
			if i/2%2 == 1 {
				upload = u.uploadInParts
			}
			id, err := upload(ctx, f)
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
			following.Go(func() { h.settle(ctx, log, jobs[i]) })
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
	for name, p := range h.running {
		if p.addr != "" {
			wait(t, name+" to be healthy again", time.Minute, func() bool { return get(p.addr+"/healthz") == http.StatusOK })
		}
	}
	following.Wait()
	if t.Failed() {
		return
	}

	r := h.check(jobs)
	r.toldTwice = hooks.check(t, jobs, r.retries)
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

// settle waits until a job is complete, or failed as its file deserves, and
// retries it when it failed otherwise.
func (h *house) settle(ctx context.Context, log *events.Log, j *job) {
	for {
		sleepUntil(ctx, time.Now().Add(500*time.Millisecond))
		got, err := log.Load(context.WithoutCancel(ctx), j.id)
		switch {
		case ctx.Err() != nil:
			h.t.Errorf("%s, %s, has not ended: %s in %s, %v", j.id, j.file.name, got.Status, got.Stage, err)
			return
		case err != nil || !got.Ended():
		case got.Failed == nil || !got.Failed.Retryable:
			return
		default:
			h.t.Logf("%s failed in %s: %s, %s", j.id, got.Stage, got.Failed.Code, got.Failed.Message)
			if err := j.user.retry(ctx, j.id); err != nil {
				h.t.Logf("retry %s: %v", j.id, err) // what was not answered may be done
			}
		}
	}
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
	for m, err := range events.Messages(t.Context(), js, events.StreamFacts, filter, 1) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}
