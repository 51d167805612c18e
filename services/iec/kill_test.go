package iec

import (
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/iec/sim"
)

// The hour of these tests. The simulator enforces the limit as well, in a window
// that is a little shorter, because a call takes a moment from the quota to it.
const (
	window    = 3 * time.Second
	simWindow = window - 400*time.Millisecond
)

// The promise of the stage: whatever is killed, only people whose calls were in
// progress are asked about twice, nobody's verdict is lost, and nobody counts as
// not registered because the quota was spent.
func TestAKilledWorkerLosesNothing(t *testing.T) {
	const limit, kills = 100, 2
	const concurrency = DefaultConcurrency + DefaultConcurrency/3 // calls, and answers that are being stored
	r := newStage(t, sim.Config{Window: simWindow, Faults: sim.Faults{Quota: limit, LatencyMS: 20, JitterMS: 10}})
	setAckWait(t, r, time.Second)
	cfg := workerConfig{IEC: r.url, Limit: limit, Window: window, AckWait: time.Second}
	people := makeIDs(250)
	job := r.addJob(t, people, events.Options{})
	for kill := range kills {
		w := startWorker(t, r.nats, cfg)
		waitLong(t, "some calls", func() bool { return r.sim.Stats().Calls >= 60+100*kill })
		w.kill()
	}
	startWorker(t, r.nats, cfg)
	done := r.waitVerified(t, job.ID)
	r.checkVerdicts(t, done, people)
	if s := done.Verified.Stats; s.Unverified != 0 {
		t.Errorf("%+v", s)
	}
	s := r.sim.Stats()
	if s.IDs != 250 || s.Calls > 250+kills*concurrency || s.MaxCalls > 1+kills {
		t.Errorf("%d calls about %d people, at most %d about one", s.Calls, s.IDs, s.MaxCalls)
	}
	if n := s.Statuses[429]; n != 0 {
		t.Errorf("%d calls beyond the quota", n)
	}
	if list, err := r.log.Replay(t.Context(), job.ID, 0); err != nil || !hasKind(list, events.KindPaused) {
		t.Errorf("the quota was never spent: %v", err)
	}

	again := r.waitVerified(t, r.addJob(t, people, events.Options{}).ID)
	r.checkVerdicts(t, again, people)
	if n := r.sim.Stats().Calls; n != s.Calls || again.Verified.Stats.Calls != 0 {
		t.Errorf("the same file again made %d calls", n-s.Calls)
	}
}

func TestThreeProcessesKeepToTheQuota(t *testing.T) {
	t.Parallel() // it waits for the most part
	const limit = 100
	r := newStage(t, sim.Config{Window: simWindow, Faults: sim.Faults{Quota: limit, LatencyMS: 10, JitterMS: 10}})
	cfg := workerConfig{IEC: r.url, Limit: limit, Window: window, AckWait: events.AckWait}
	for range 3 {
		startWorker(t, r.nats, cfg)
	}
	all := makeIDs(300)
	var jobs []events.Job
	for i := range 6 {
		jobs = append(jobs, r.addJob(t, all[50*i:50*i+50], events.Options{}))
	}
	for i, job := range jobs {
		r.checkVerdicts(t, r.waitVerified(t, job.ID), all[50*i:50*i+50])
	}
	s := r.sim.Stats()
	if s.Calls != 300 || s.MaxCalls != 1 || s.Statuses[429] != 0 {
		t.Errorf("simulator %+v", s)
	}
}

func hasKind(list []events.Event, kind events.Kind) bool {
	for _, e := range list {
		if e.Kind == kind {
			return true
		}
	}
	return false
}
