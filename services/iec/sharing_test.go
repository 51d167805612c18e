package iec

import (
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/sim"
)

func withHourWindow(c *Config) {
	quota, err := NewQuota(c.Quota.counts.kv, QuotaConfig{Limit: c.Quota.cfg.Limit})
	if err != nil {
		panic(err)
	}
	c.Quota = quota
}

// Two jobs with the same people, each on a replica of its own: a person who is
// asked about for one job is not asked about for the other.
func TestTheSamePersonInTwoRunningJobsIsAskedOnce(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{Faults: sim.Faults{LatencyMS: 10, JitterMS: 9}})
	r.addReplica(t, 10_000)
	people := makeIDs(150)
	jobs := []events.Job{r.addJob(t, people, events.Options{}), r.addJob(t, people, events.Options{})}
	calls := 0
	for _, job := range jobs {
		done := eventstest.WaitKind(t, r.log, job.ID, events.KindVerified)
		r.checkVerdicts(t, done, people)
		if s := done.Verified.Stats; s.Calls+s.Cached != 150 {
			t.Errorf("%+v", s)
		}
		calls += done.Verified.Stats.Calls
	}
	if s := r.sim.Stats(); s.Calls != 150 || s.MaxCalls != 1 || calls != 150 {
		t.Errorf("simulator %+v, jobs say %d calls", s, calls)
	}
}

// Another job waits for the end of a claim whose holder died.
func TestAnotherJobWaitsUntilTheClaimEnds(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{})
	people := makeIDs(3)
	dead, err := openAnswers(t, r.nats).Claim(t.Context(), people[1], "job-of-the-dead")
	if err != nil {
		t.Fatal(err)
	}
	job := r.addJob(t, people, events.Options{})
	eventstest.Wait(t, "the others to be asked", func() bool { return r.sim.Stats().Calls == 2 })
	if err := dead.Release(t.Context()); err != nil { // as if events.ClaimTTL had passed
		t.Fatal(err)
	}
	r.checkVerdicts(t, eventstest.WaitKind(t, r.log, job.ID, events.KindVerified), people)
}

func TestASmallJobIsNotStuckBehindABigOne(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{Faults: sim.Faults{LatencyMS: 5}}, func(c *Config) {
		c.Concurrency = 3
	}, withHourWindow)
	all := makeIDs(1200)
	big := r.addJob(t, all[:1000], events.Options{})
	eventstest.Wait(t, "the big job to be at it", func() bool { return r.sim.Stats().Calls > 50 })
	before := r.sim.Stats().Calls
	small := r.addJob(t, all[1000:1050], events.Options{})
	eventstest.WaitKind(t, r.log, small.ID, events.KindVerified)
	meanwhile := r.sim.Stats().Calls - before - 50
	job, err := r.log.Load(t.Context(), big.ID)
	if err != nil {
		t.Fatal(err)
	}
	// They alternate: about as many calls as the small job had, and some while it
	// was read and written.
	if job.Kind != events.KindValidated || meanwhile > 400 {
		t.Errorf("the big job is %s and had %d calls while the small one had 50", job.Kind, meanwhile)
	}
	eventstest.WaitKind(t, r.log, big.ID, events.KindVerified)
}

func TestASmallJobGoesOnWhileABigOneIsPaused(t *testing.T) {
	r := newRig(t, 400, sim.Config{}, withHourWindow)
	all := makeIDs(505)
	big := r.addJob(t, all[:500], events.Options{})
	paused := eventstest.WaitKind(t, r.log, big.ID, events.KindPaused)
	if q := paused.Paused.Quota; q == nil || q.Used != 380 || q.Limit != 400 {
		t.Errorf("paused with %+v", q)
	}
	small := r.addJob(t, all[500:], events.Options{})
	r.checkVerdicts(t, eventstest.WaitKind(t, r.log, small.ID, events.KindVerified), all[500:])
}

// At nine tenths of the quota a warning is stored, once between two pauses.
func TestTheJobIsWarnedBeforeTheQuotaIsSpent(t *testing.T) {
	r := newRig(t, 30, sim.Config{})
	people := makeIDs(100)
	job := eventstest.WaitKind(t, r.log, r.addJob(t, people, events.Options{}).ID, events.KindVerified)
	list, err := r.log.Replay(t.Context(), job.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	warnings, since := 0, 0
	for _, e := range list {
		switch f := e.Fact.(type) {
		case *events.Warned:
			warnings++
			if since++; since > 1 {
				t.Errorf("warned %d times without a pause between", since)
			}
			if f.Quota.Limit != 30 || f.Quota.Used < 27 || f.Quota.ResetAt.IsZero() || f.Total != 100 ||
				f.Message == "" {
				t.Errorf("warned %+v", f)
			}
		case *events.Paused:
			since = 0
		}
	}
	if warnings == 0 {
		t.Error("no warning")
	}
}

func TestAPauseHasAnETA(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := newRig(t, 100, sim.Config{}, withHourWindow, func(c *Config) {
		c.Concurrency = 1
		// The clock advances by 100 ms each time it is read.
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(100 * time.Millisecond); return now }
	})
	job := eventstest.WaitKind(t, r.log, r.addJob(t, makeIDs(250), events.Options{}).ID, events.KindPaused)
	if eta, resumes := job.Paused.ETA, job.Paused.ResumesAt; eta.Sub(resumes) < 50*time.Minute ||
		eta.Sub(resumes) > 2*time.Hour {
		t.Errorf("done at %s, goes on at %s: 150 rows are left, and 100 an hour are allowed", eta, resumes)
	}
}

func TestProgressHasAnETA(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{Faults: sim.Faults{LatencyMS: 5}}, withHourWindow, func(c *Config) {
		c.Concurrency = 1
	})
	job := r.addJob(t, makeIDs(400), events.Options{})
	eventstest.Wait(t, "a time", func() bool {
		p, ok, err := r.log.Progress(t.Context(), job.ID)
		if err != nil || !ok || p.ETA.IsZero() {
			return false
		}
		if left := p.ETA.Sub(p.At); left < 0 || left > time.Minute {
			t.Errorf("%d of %d rows are done, the rest are to take %s", p.Processed, p.Total, left)
		}
		return true
	})
	eventstest.WaitKind(t, r.log, job.ID, events.KindVerified)
}

// A big job cannot use the calls reserved for small ones, and its ETA says so: 380
// rows an hour of a quota of 400.
func TestABigJobsETAUsesItsOwnQuota(t *testing.T) {
	for rows, hours := range map[int]time.Duration{390: 0, 1150: 2} {
		var mu sync.Mutex
		now := time.Now()
		r := newRig(t, 400, sim.Config{}, withHourWindow, func(c *Config) {
			c.Concurrency = 1
			// The clock advances by 10 ms each time it is read.
			c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(10 * time.Millisecond); return now }
		})
		p := eventstest.WaitKind(t, r.log, r.addJob(t, makeIDs(rows), events.Options{}).ID, events.KindPaused).Paused
		// The last calls may have been for rows after the one that found the quota spent.
		after := p.ETA.Sub(p.ResumesAt) - hours*time.Hour
		if calls := r.sim.Stats().Calls; calls != 380 || p.Processed < 350 || p.Processed > 380 || after < 0 ||
			after > time.Minute {
			t.Errorf("%d calls, %d of %d rows are done; goes on at %s, done at %s",
				calls, p.Processed, rows, p.ResumesAt, p.ETA)
		}
	}
}

// Of two running jobs, the super admin's gets five calls for each one of the
// member's.
func TestCallsAreSharedByRole(t *testing.T) {
	r := newRig(t, 10_000, sim.Config{Faults: sim.Faults{LatencyMS: 30}}, func(c *Config) {
		c.Concurrency = 4
	}, withHourWindow)
	all := makeIDs(350)
	low, high := all[:250], all[250:]
	r.addJob(t, low, events.Options{})
	eventstest.Wait(t, "the member's job to be at it", func() bool { return r.sim.Stats().Calls > 10 })
	job := r.addJobAs(t, "super_admin", high, events.Options{})
	eventstest.Wait(t, "the other one to be at it", func() bool { return r.sim.Calls(high[0]) == 1 })
	before := r.sim.Stats().Calls
	eventstest.WaitKind(t, r.log, job.ID, events.KindVerified)
	// A fifth of 100, and some while the verdicts are written; without weights it
	// would be 100.
	if n := r.sim.Stats().Calls - before - len(high); n > 60 {
		t.Errorf("the member's job had %d calls while the super admin's had %d", n, len(high))
	}
}
