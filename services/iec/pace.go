package iec

import (
	"time"

	"rollcall.example/events"
)

// pace estimates when a job will be done, from the speed of its latest rows and
// from what the quota leaves. A resumed job races through the rows whose answers
// are cached, so older rows say nothing.
type pace struct {
	began   time.Time
	samples []sample // the latest ones, as a ring
	next    int
	calls   int // how many of samples needed a call
}

// sample is a row that got its verdict, by a call or without one.
type sample struct {
	at     time.Time
	called bool
}

const (
	maxSamples = 256
	// There is an estimate only after so many rows and so much time.
	minSamples  = 20
	minPaceTime = time.Second
)

// addSample records a row, in place of the oldest once there are maxSamples.
func (p *pace) addSample(m sample) {
	if len(p.samples) < maxSamples {
		p.samples = append(p.samples, m)
	} else {
		if p.samples[p.next].called {
			p.calls--
		}
		p.samples[p.next] = m
		p.next = (p.next + 1) % maxSamples
	}
	if m.called {
		p.calls++
	}
}

// estimate returns when so many more rows will have their verdicts; zero while that
// is unknown. It expects rows to need calls as often as the latest ones did.
func (p *pace) estimate(now time.Time, left int, quota events.Quota, window time.Duration) time.Time {
	rows := len(p.samples)
	if rows < minSamples || now.Sub(p.began) < minPaceTime {
		return time.Time{}
	}
	oldest := p.began
	if rows == maxSamples {
		oldest = p.samples[p.next].at
	}
	each := now.Sub(oldest) / time.Duration(rows)
	calls := int(int64(left) * int64(p.calls) / int64(rows))
	return addWindows(now, left, calls, each, quota, window)
}

// addWindows adds the windows that the job must wait for: rows go on until the
// calls of this window are spent, then again at its end, and so on.
func addWindows(
	now time.Time, left, calls int, each time.Duration, quota events.Quota, window time.Duration,
) time.Time {
	free := max(quota.Limit-quota.Used, 0)
	if quota.Limit <= 0 || calls <= free {
		return now.Add(time.Duration(left) * each)
	}
	beyond := calls - free
	windows := (beyond - 1) / quota.Limit // full ones between the next and the last
	start := now
	if quota.ResetAt.After(now) {
		start = quota.ResetAt
	}
	last := beyond - windows*quota.Limit
	return start.Add(time.Duration(windows) * window).Add(time.Duration(int64(left)*int64(last)/int64(calls)) * each)
}
