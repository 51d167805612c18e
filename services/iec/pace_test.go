package iec

import (
	"errors"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

func TestETA(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	reset := now.Add(40 * time.Minute)
	at := func(minutes, seconds int) time.Time {
		return now.Add(time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second)
	}
	// paced is the history of the pace: rows spread evenly over a time.
	type paced struct {
		took          time.Duration
		cached, asked int
	}
	tests := map[string]struct {
		pace  paced
		left  int
		quota events.Quota
		want  time.Time
	}{
		"too few rows to tell":    {paced{time.Hour, 0, minSamples - 1}, 100, events.Quota{Limit: 1000}, time.Time{}},
		"too little time to tell": {paced{minPaceTime / 2, 0, 1000}, 100, events.Quota{Limit: 1000}, time.Time{}},
		"quota for all": {paced{100 * time.Second, 0, 100}, 60, events.Quota{Used: 100, Limit: 1000},
			at(1, 0)},
		"all from the cache": {paced{100 * time.Second, 100, 0}, 6000,
			events.Quota{Used: 1000, Limit: 1000, ResetAt: reset}, at(100, 0)},
		"half from the cache": {paced{100 * time.Second, 50, 50}, 120,
			events.Quota{Used: 940, Limit: 1000, ResetAt: reset}, at(2, 0)},
		"the rest in the next hour": {paced{100 * time.Second, 0, 100}, 120,
			events.Quota{Used: 940, Limit: 1000, ResetAt: reset}, at(41, 0)},
		"exactly one hour more": {paced{10 * time.Second, 0, 1000}, 1000,
			events.Quota{Used: 1000, Limit: 1000, ResetAt: reset}, at(40, 10)},
		"several hours": {paced{10 * time.Second, 0, 1000}, 3500, events.Quota{Used: 1000, Limit: 1000, ResetAt: reset},
			at(40+3*60, 5)},
		"nothing is left": {paced{10 * time.Second, 0, 1000}, 0, events.Quota{Used: 1000, Limit: 1000, ResetAt: reset},
			now},
		"the quota is not known yet": {paced{100 * time.Second, 0, 100}, 60, events.Quota{}, at(1, 0)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := pace{began: now.Add(-test.pace.took)}
			rows := test.pace.cached + test.pace.asked
			for i := range rows {
				// Rows from the cache and rows with a call alternate while there
				// are both.
				asked := test.pace.cached == 0 || test.pace.asked > 0 && i%2 == 0
				p.addSample(sample{p.began.Add(test.pace.took * time.Duration(i) / time.Duration(rows)), asked})
			}
			got := p.estimate(now, test.left, test.quota, time.Hour)
			if off := got.Sub(test.want).Abs(); got.IsZero() != test.want.IsZero() || off > time.Second {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// A resumed job gets its first thousands of verdicts from the cache in no time.
// That is not the speed of the rest.
func TestETAForgetsRowsLongPast(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := pace{began: now}
	for range 5000 {
		now = now.Add(time.Millisecond)
		p.addSample(sample{now, false})
	}
	for range maxSamples {
		now = now.Add(time.Second)
		p.addSample(sample{now, true})
	}
	if got := p.estimate(now, 100, events.Quota{Limit: 10_000}, time.Hour); got.Sub(now) < 95*time.Second ||
		got.Sub(now) > 105*time.Second {
		t.Errorf("100 rows are to take %s", got.Sub(now))
	}
}

// The latest rows all needed no call, but the next one does.
func TestAPausedJobIsNotDoneBeforeItGoesOn(t *testing.T) {
	c := newClock()
	quota, err := NewQuota(nil, QuotaConfig{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	speed := pace{began: c.now()}
	for range 100 {
		c.add(time.Second)
		speed.addSample(sample{c.now(), false})
	}
	spent := &SpentError{Quota: events.Quota{Used: 100, Limit: 100, ResetAt: c.now().Add(time.Hour)}}
	var later *stage.Postponement
	s := New(Config{Quota: quota, Now: c.now})
	v := &verification{service: s, own: s.cfg.Users.join("alice"), smallJob: true, pace: speed,
		stats: events.IECStats{Total: 5}}
	if err := v.postpone(spent); !errors.As(err, &later) || !later.ETA.Equal(spent.Quota.ResetAt) {
		t.Errorf("%+v, want done at %s", later, spent.Quota.ResetAt)
	}
}
