package stage_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

// startWithFewPlaces starts a server whose consumers hold no more than three messages.
func startWithFewPlaces(t *testing.T) *embedded.Server {
	t.Helper()
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "provisioner")
	err := events.Provision(t.Context(), js, events.ProvisionConfig{MaxAckPending: 3})
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// startIEC stores a job that the stage iec begins with.
func startIEC(t *testing.T, srv *embedded.Server, owner string, options events.Options) events.Job {
	t.Helper()
	job := eventstest.Upload(t, logAs(t, srv, events.StageUpload), events.User{ID: owner, Role: "member"},
		events.Artifact{}, options)
	eventstest.Append(t, logAs(t, srv, events.StageValidation), &job, eventstest.Facts(job.ID)[0])
	return job
}

// gate lets jobs through once it is open. Until then they are postponed.
type gate struct {
	mu    sync.Mutex
	open  bool
	wait  time.Duration
	order []string // of the jobs that came through
	tries int
}

func (g *gate) handle(_ context.Context, w *stage.Work) (events.Fact, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open && !w.Job.Options.SkipIEC {
		g.tries++
		return nil, stage.Postpone(time.Now().Add(g.wait), events.PauseQuota, "The quota is spent.", nil)
	}
	g.order = append(g.order, w.Job.ID)
	return eventstest.Facts(w.Job.ID)[1], nil
}

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

// More jobs wait than the consumer may hold. What needs no waiting passes at once.
func TestParkedJobsHoldUpNobody(t *testing.T) {
	srv := startWithFewPlaces(t)
	g := &gate{wait: time.Hour}
	runStage(t, srv, events.StageIEC, g.handle)
	var parked []events.Job
	for range 12 {
		parked = append(parked, startIEC(t, srv, "alice", events.Options{}))
	}
	for _, job := range parked {
		waitFor(t, srv, job.ID, events.KindPaused)
	}
	waitFor(t, srv, startIEC(t, srv, "bob", events.Options{SkipIEC: true}).ID, events.KindVerified)

	// A parked job is cancelled and retried like any other.
	up := logAs(t, srv, events.StageUpload)
	job, err := up.Load(t.Context(), parked[5].ID)
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Append(t, up, &job, &events.Cancelled{Stage: events.StageIEC, By: job.Owner})
	g.set(true)
	eventstest.Append(t, up, &job, &events.Retried{Stage: events.StageIEC, By: job.Owner})
	waitFor(t, srv, job.ID, events.KindVerified)
	c, err := eventstest.Connect(t, srv, "operator").Consumer(t.Context(), events.StreamFacts, string(events.StageIEC))
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "nothing held", func() bool {
		info, err := c.Info(t.Context())
		return err == nil && info.NumAckPending == 0 && info.NumPending == 0
	})
	if g.tries != len(parked) {
		t.Errorf("%d tries of %d jobs", g.tries, len(parked))
	}
}

// Parked jobs go on in the order of their upload, one after the other: while the first
// one has to wait again, the others are left alone.
func TestParkedJobsGoOnInTheirOrder(t *testing.T) {
	srv := startWithFewPlaces(t)
	g := &gate{wait: time.Second}
	runStage(t, srv, events.StageIEC, g.handle, func(r *stage.Runner) { r.Workers = 1 })
	var want []string
	for range 8 {
		want = append(want, startIEC(t, srv, "alice", events.Options{}).ID)
	}
	for _, id := range want {
		waitFor(t, srv, id, events.KindPaused)
	}
	eventstest.Wait(t, "three rounds", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.tries >= len(want)+3
	})
	g.mu.Lock()
	tries := g.tries
	g.mu.Unlock()
	if tries > len(want)+6 { // not each of them in each round
		t.Errorf("%d tries of %d jobs in three rounds", tries, len(want))
	}
	g.set(true)
	for _, id := range want {
		waitFor(t, srv, id, events.KindVerified)
	}
	if !slices.Equal(g.order, want) {
		t.Errorf("went on as %v, uploaded as %v", g.order, want)
	}
}

// The schedule of parked jobs is the log: a process that has never seen them wakes them,
// and of two only one does.
func TestParkedJobsOutliveTheirProcess(t *testing.T) {
	srv := startWithFewPlaces(t)
	g := &gate{wait: 700 * time.Millisecond}
	first := runStage(t, srv, events.StageIEC, g.handle)
	var jobs []events.Job
	for i := range 6 {
		jobs = append(jobs, startIEC(t, srv, []string{"alice", "bob"}[i%2], events.Options{}))
	}
	for _, job := range jobs {
		waitFor(t, srv, job.ID, events.KindPaused)
	}
	first.stop()
	g.set(true)
	runStage(t, srv, events.StageIEC, g.handle)
	runStage(t, srv, events.StageIEC, g.handle)
	for _, job := range jobs {
		waitFor(t, srv, job.ID, events.KindVerified)
		list, err := logAs(t, srv, events.StageUpload).Replay(t.Context(), job.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[events.Kind]int{}
		for _, e := range list {
			kinds[e.Kind]++
		}
		if kinds[events.KindVerified] != 1 || kinds[events.KindPaused] != kinds[events.KindResumed] {
			t.Errorf("%v", kinds)
		}
	}
	if len(g.order) != len(jobs) {
		t.Errorf("the work on %d jobs was done %d times", len(jobs), len(g.order))
	}
}

// A pause that was told by a clock which was a day ahead, and has been set back, is over:
// nobody knows how long the job has waited.
func TestAPauseEndsWhenTheClockWasSetBack(t *testing.T) {
	srv := eventstest.Start(t)
	tomorrow := func() time.Time { return time.Now().Add(24 * time.Hour) }
	for n, name := range []events.Stage{events.StageIEC, events.StagePersistence} {
		job := startIEC(t, srv, "alice", events.Options{})
		for _, fact := range eventstest.Facts(job.ID)[1 : n+1] {
			eventstest.Append(t, logAs(t, srv, events.StageIEC), &job, fact)
		}
		_, err := logAs(t, srv, name).WithClock(tomorrow).Append(t.Context(), &job, job.Seq, &events.Paused{Stage: name,
			Reason: events.PauseDatabase, Message: "Wait.", ResumesAt: tomorrow().Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		runStage(t, srv, name, func(_ context.Context, w *stage.Work) (events.Fact, error) {
			return eventstest.Facts(w.Job.ID)[n+1], nil
		})
		waitFor(t, srv, job.ID, name.Produces())
	}
}

// Each owner has a turn, whatever another one has waiting.
func TestTheOwnersOfParkedJobsTakeTurns(t *testing.T) {
	srv := startWithFewPlaces(t)
	var mu sync.Mutex
	var order []string
	paused := map[string]int{}
	runStage(t, srv, events.StageIEC, func(_ context.Context, w *stage.Work) (events.Fact, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, w.Job.Owner.ID)
		if paused[w.Job.ID]++; paused[w.Job.ID] < 3 {
			wait := 400 * time.Millisecond
			if paused[w.Job.ID] == 1 {
				wait = 3 * time.Second // until all have come
			}
			return nil, stage.Postpone(time.Now().Add(wait), events.PauseQuota, "The quota is spent.", nil)
		}
		return eventstest.Facts(w.Job.ID)[1], nil
	}, func(r *stage.Runner) { r.Workers = 1 })
	var jobs []events.Job
	for _, owner := range []string{"alice", "alice", "alice", "bob"} {
		jobs = append(jobs, startIEC(t, srv, owner, events.Options{}))
		waitFor(t, srv, jobs[len(jobs)-1].ID, events.KindPaused)
	}
	for _, job := range jobs {
		waitFor(t, srv, job.ID, events.KindVerified)
	}
	// After the first round alice's first job and bob's take turns until both are done.
	if got := order[4:8]; !slices.Equal(got, []string{"alice", "bob", "alice", "bob"}) {
		t.Errorf("went on as %v", got)
	}
}
