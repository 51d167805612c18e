package iec

import (
	"time"

	"rollcall.example/events"
)

// pace tells when a job will be done, by the speed of its latest rows and by
// what the quota leaves. A job that was taken up again has many answers already
// and races through them, so rows long past say nothing.
type pace struct {
	began time.Time
	marks []mark // the latest, as a ring
	next  int
	asked int // of marks
}

// mark is a row that got its verdict, by a call or without.
type mark struct {
	at    time.Time
	asked bool
}

const (
	paceMarks = 256
	// A pace is told once so much is known of it.
	paceRows = 20
	paceTime = time.Second
)

func (p *pace) add(m mark) {
	if len(p.marks) < paceMarks {
		p.marks = append(p.marks, m)
	} else {
		if p.marks[p.next].asked {
			p.asked--
		}
		p.marks[p.next] = m
		p.next = (p.next + 1) % paceMarks
	}
	if m.asked {
		p.asked++
	}
}

// eta is when so many more rows will have their verdicts; zero while that is
// not known. Rows are expected to need calls as often as the latest did.
func (p *pace) eta(now time.Time, left int, quota events.Quota, window time.Duration) time.Time {
	rows := len(p.marks)
	if rows < paceRows || now.Sub(p.began) < paceTime {
		return time.Time{}
	}
	oldest := p.began
	if rows == paceMarks {
		oldest = p.marks[p.next].at
	}
	each := now.Sub(oldest) / time.Duration(rows)
	calls := int(int64(left) * int64(p.asked) / int64(rows))
	return spread(now, left, calls, each, quota, window)
}

// spread adds the windows that have to be waited for: rows go on until the calls
// of this one are spent, then at its end, and so on.
func spread(now time.Time, left, calls int, each time.Duration, quota events.Quota, window time.Duration) time.Time {
	free := max(quota.Limit-quota.Used, 0)
	if quota.Limit <= 0 || calls <= free {
		return now.Add(time.Duration(left) * each)
	}
	beyond := calls - free
	windows := (beyond - 1) / quota.Limit // whole ones between the next and the last
	start := now
	if quota.ResetAt.After(now) {
		start = quota.ResetAt
	}
	last := beyond - windows*quota.Limit
	return start.Add(time.Duration(windows) * window).Add(time.Duration(int64(left)*int64(last)/int64(calls)) * each)
}
