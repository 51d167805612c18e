package iec

import (
	"errors"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/sim"
)

// Two replicas whose clocks differ share one quota: neither takes what the other has
// spent to have left the hour.
func TestReplicasWhoseClocksDifferShareOneQuota(t *testing.T) {
	t.Parallel()
	srv := eventstest.Start(t)
	for _, skew := range []time.Duration{2 * time.Minute, -15 * time.Minute, 40 * time.Minute, 62 * time.Minute} {
		kv := openBucket(t, srv, events.KVQuota)
		if err := kv.Purge(t.Context(), quotaKey); err != nil {
			t.Fatal(err)
		}
		const limit = 200
		now := time.Now()
		var replicas []*Quota
		for _, ahead := range []time.Duration{0, skew} {
			q, err := NewQuota(kv, QuotaConfig{Limit: limit, Now: func() time.Time { return now.Add(ahead) }})
			if err != nil {
				t.Fatal(err)
			}
			replicas = append(replicas, q)
		}
		calls := 0
		for range 58 { // minutes of one hour
			for _, q := range replicas {
				for range limit / 2 {
					var spent *SpentError
					if err := q.Acquire(t.Context(), true); errors.As(err, &spent) {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					calls++
				}
			}
			now = now.Add(time.Minute)
		}
		if calls != limit {
			t.Errorf("one clock %s ahead: %d calls within 58 minutes, want %d", skew, calls, limit)
		}
	}
}

// A replica whose clock is wrong says the true time until when a job waits.
func TestAPauseSaysTheTimeOfNATS(t *testing.T) {
	t.Parallel()
	const skew = 40 * time.Minute
	wrong := func() time.Time { return time.Now().Add(skew) }
	r := newRig(t, 30, sim.Config{}, func(c *Config) {
		quota, err := NewQuota(c.Quota.counts.kv, QuotaConfig{Limit: 30, Now: wrong})
		if err != nil {
			t.Fatal(err)
		}
		c.Quota, c.Now = quota, wrong
	})
	job := eventstest.WaitKind(t, r.log, r.addJob(t, makeIDs(60), events.Options{}).ID, events.KindPaused)
	for name, at := range map[string]time.Time{
		"resumes_at": job.Paused.ResumesAt, "quota.reset_at": job.Paused.Quota.ResetAt,
	} {
		if wait := time.Until(at); wait < 59*time.Minute || wait > 62*time.Minute {
			t.Errorf("%s is in %s", name, wait)
		}
	}
}
