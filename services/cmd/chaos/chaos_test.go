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

// options are the flags. Their defaults are the short form.
type options struct {
	jobs, rows int
	seed       uint64
	// duration is how long faults are injected, maxDown how long each lasts at most.
	duration, maxDown time.Duration
}

var (
	jobsFlag = flag.Int("jobs", 20, "number of files to upload")
	rowsFlag = flag.Int("rows", 300, "number of rows of the largest file")
	seedFlag = flag.Uint64("seed", 0, "seed of files and plan; 0 means a random one")
	spanFlag = flag.Duration("span", 10*time.Second, "how long processes are killed and connections broken")
	downFlag = flag.Duration("down", 300*time.Millisecond, "how long each is down or broken at most")
	fullFlag = flag.Bool("full", false, "keep the shipped AckWait: the messages of a killed process wait for a minute")
)

// The test kills every process and breaks every connection at random instants, while
// users upload files and follow their jobs, and another approves those that change many
// members. Each accepted upload becomes one job that
// ends once. Members and figures are those of files written one after the other. Each
// client has seen every event. The IEC was hardly asked about anybody twice. Expired
// uploads are removed.
func TestChaos(t *testing.T) {
	t.Parallel()
	o := options{jobs: *jobsFlag, rows: *rowsFlag, seed: *seedFlag, duration: *spanFlag, maxDown: *downFlag}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	t.Logf("repeat with: go tool task test:chaos -- -jobs %d -rows %d -span %s -down %s -seed %d -full=%t",
		o.jobs, o.rows, o.duration, o.maxDown, o.seed, *fullFlag)
	began := time.Now()
	// A short retention, so that sweeps run while the faults are injected.
	c := newCluster(t, o.duration/5)
	if !*fullFlag {
		c.shortenAckWait()
	}
	processes, links := c.targets()
	plan := newPlan(o, processes, links)
	users := []*user{c.newUser("alice"), c.newUser("bob"), c.newUser("carol")}

	approver := c.newUser("dora")
	hooks := newReceiver(t)
	for _, u := range users {
		if err := u.registerWebhook(t.Context(), hooks.URL); err != nil {
			t.Fatal(err)
		}
	}

	deadline := 4*time.Minute + 2*o.duration
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	jobs := make([]*job, o.jobs)
	log := events.NewLog(c.connect("operator"), "", nil)
	var uploading, following, injecting sync.WaitGroup
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
			following.Go(func() { c.steerUntilEnded(ctx, log, jobs[i], approver) })
		})
	}
	for _, f := range plan.faults {
		injecting.Go(func() {
			sleepUntil(ctx, start.Add(f.at))
			if err := c.inject(f); err != nil {
				t.Errorf("inject %v: %v", f, err)
			}
		})
	}
	injecting.Wait()
	uploading.Wait()
	if t.Failed() {
		return
	}
	for _, p := range c.processes {
		p.waitHealthy(t)
	}
	following.Wait()
	if t.Failed() {
		return
	}

	r := c.checkAll(jobs)
	r.repeatedHooks = hooks.check(t, jobs, r.retries)
	r.took = time.Since(began)
	http.DefaultClient.CloseIdleConnections()
	fmt.Printf("chaos: %s\n", c.describe(r, users))
	if t.Failed() {
		for _, f := range plan.faults {
			t.Log(f)
		}
	}
}

// job is an accepted upload.
type job struct {
	id   string
	file *file
	user *user
	seen []uint64 // sequences of the facts that its client saw, set when it has ended
}

// shortenAckWait makes the server redeliver the messages of a killed process sooner: a
// little after the next heartbeat of a living one is due.
func (c *cluster) shortenAckWait() {
	js := c.connect("provisioner")
	durables := []string{events.ConsumerProjection, events.ConsumerWebhook}
	for _, stage := range events.Stages {
		durables = append(durables, string(stage))
	}
	for _, durable := range durables {
		consumer, err := js.Consumer(c.t.Context(), events.StreamFacts, durable)
		if err != nil {
			c.t.Fatal(err)
		}
		cfg := consumer.CachedInfo().Config
		cfg.AckWait = events.AckWait/3 + 5*time.Second
		if _, err := js.UpdateConsumer(c.t.Context(), events.StreamFacts, cfg); err != nil {
			c.t.Fatal(err)
		}
	}
}

// steerUntilEnded waits until a job is complete, or has failed for good because of its
// file. It retries a job that failed for another reason, and has one that waits approved.
func (c *cluster) steerUntilEnded(ctx context.Context, log *events.Log, j *job, approver *user) {
	for {
		sleepUntil(ctx, time.Now().Add(500*time.Millisecond))
		got, err := log.Load(context.WithoutCancel(ctx), j.id)
		switch {
		case ctx.Err() != nil:
			c.t.Errorf("%s, %s, has not ended: %s in %s, %v", j.id, j.file.name, got.Status, got.Stage, err)
			return
		case err == nil && got.Awaiting():
			if err := approver.approve(ctx, j.id); err != nil {
				c.t.Logf("approve %s: %v", j.id, err) // it may be approved all the same
			}
		case err != nil || !got.Ended():
		case got.Failed == nil || !got.Failed.Retryable:
			return
		default:
			c.t.Logf("%s failed in %s: %s, %s", j.id, got.Stage, got.Failed.Code, got.Failed.Message)
			if err := j.user.retry(ctx, j.id); err != nil {
				c.t.Logf("retry %s: %v", j.id, err) // it may be done all the same
			}
		}
	}
}

func getStatus(c *http.Client, url string) int {
	resp, err := c.Get(url)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close() // the body does not matter
	return resp.StatusCode
}

func sleepUntil(ctx context.Context, at time.Time) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(at)):
	}
}

// readFacts returns all facts whose subject matches filter.
func readFacts(t *testing.T, js jetstream.JetStream, filter string) (list []*jetstream.RawStreamMsg) {
	t.Helper()
	for m, err := range events.Messages(t.Context(), js, events.StreamFacts, filter, 1) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}
