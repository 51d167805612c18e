package iec

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
	"rollcall.example/services/iec/sim"
)

func TestWhichParkedJobsAreWoken(t *testing.T) {
	srv := eventstest.Start(t)
	kv := openBucket(t, srv, events.KVQuota)
	quota, err := NewQuota(kv, QuotaConfig{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Quota: quota})
	if err := quota.Clock().Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := quota.Clock().Now()
	parked := func(reason string, left int, in time.Duration) stage.Parked {
		return stage.Parked{Reason: reason, Left: left, Total: left, PausedAt: now.Add(-time.Minute), ResumesAt: now.Add(in)}
	}
	spent, down := events.PauseQuota, events.PauseUnavailable
	jobs := []stage.Parked{
		parked(spent, 500, -time.Minute), parked(down, 400, time.Minute), parked(spent, 300, -time.Second),
		parked(spent, 5, -time.Second), parked(spent, 100, time.Minute),
	}
	check := func(what string, want ...int) {
		t.Helper()
		var wanted []stage.Parked
		for _, i := range want {
			wanted = append(wanted, jobs[i])
		}
		if got := s.Wake(t.Context(), now, jobs); fmt.Sprint(got) != fmt.Sprint(wanted) {
			t.Errorf("%s: woke %v, want %v", what, got, wanted)
		}
	}
	check("nothing is spent", 0, 1, 2) // 1,000 calls for 500, 400 and 300 rows
	for range 700 {
		if err := quota.Acquire(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	check("260 calls are free for big jobs", 0)
	for range 260 {
		if err := quota.Acquire(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	check("only the calls for small jobs are free", 3)
	put := func(o Outage) {
		value, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), outageKey, value); err != nil {
			t.Fatal(err)
		}
	}
	put(Outage{Reason: down, Until: now.Add(time.Minute)})
	check("an outage")
	put(Outage{Reason: down, Until: now.Add(-time.Minute), ProbeUntil: now.Add(time.Second)})
	check("one is trying")
	put(Outage{Reason: down, Until: now.Add(-time.Minute)})
	check("one may try", 0)
	put(Outage{Reason: down, Until: now.Add(24 * time.Hour)})
	check("the clock was set back during the outage", 0)
	put(Outage{Reason: down, Until: now.Add(-time.Minute), ProbeUntil: now.Add(24 * time.Hour)})
	check("the clock was set back while one tried", 0)
}

// When the API answers again, jobs that wait for it go on, whatever time they were told.
func TestJobsGoOnWhenAnOutageEnds(t *testing.T) {
	r := newStage(t, sim.Config{Faults: sim.Faults{Down: true}})
	var s *Service
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.addReplica(t, 10_000, withHourWindow, func(c *Config) { c.Outage = time.Second; s = New(*c) })
	js := eventstest.Connect(t, r.nats, "iec")
	done := make(chan error, 1)
	runner := &stage.Runner{Log: events.NewLog(js, events.StageIEC, nil), Stage: events.StageIEC, Handle: s.Handle,
		Wake: s.Wake}
	go func() { done <- runner.Run(ctx) }()
	people := makeIDs(120)
	var jobs []events.Job
	for i := range 4 {
		jobs = append(jobs, r.addJob(t, people[i*30:(i+1)*30], events.Options{}))
	}
	for _, job := range jobs {
		eventstest.Wait(t, "a pause", func() bool {
			list, err := r.log.Replay(t.Context(), job.ID, 0)
			return err == nil && len(list) > 2
		})
	}
	if err := r.sim.SetFaults(sim.Faults{}); err != nil {
		t.Fatal(err)
	}
	for i, job := range jobs {
		r.checkVerdicts(t, r.waitVerified(t, job.ID), people[i*30:(i+1)*30])
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
