package gateway

import (
	"maps"
	"time"

	"rollcall.example/events"
)

// outdatedTime is how long after a fact its job's older progress may still come:
// progress gathers, and its stream may lag.
const outdatedTime = 10 * time.Second

// newestFacts knows the jobs that had a fact just now. Progress from before such a
// fact is outdated: behind the fact paused, or the one that a job ended with, it
// would say for good that the job is at work.
type newestFacts map[string]newestFact

type newestFact struct {
	trigger  uint64    // of the newest fact that has one
	pausedAt time.Time // when the job was paused; zero while it is not
	passed   time.Time
}

// note remembers a fact that is passed on.
func (r *newestFacts) note(e events.Event, now time.Time) {
	if *r == nil {
		*r = newestFacts{}
	}
	last := (*r)[e.JobID]
	last.trigger, last.passed, last.pausedAt = max(last.trigger, triggerOf(e)), now, time.Time{}
	if e.Kind == events.KindPaused {
		last.pausedAt = e.At // by the clock of the process that writes the progress, too
	}
	(*r)[e.JobID] = last
}

// outdates reports whether progress is older than the newest fact of its job.
func (r newestFacts) outdates(p events.Progress) bool {
	last, ok := r[p.JobID]
	return ok && (p.Trigger < last.trigger || !last.pausedAt.IsZero() && !p.At.After(last.pausedAt))
}

// forget drops what no longer matters.
func (r newestFacts) forget(now time.Time) {
	maps.DeleteFunc(r, func(_ string, f newestFact) bool { return now.Sub(f.passed) > outdatedTime })
}
