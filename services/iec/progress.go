package iec

import (
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

const progressMessage = "Asking the IEC"

// report counts the verdict of the next row and reports the progress of the job.
func (v *verification) report(w *stage.Work, r rowVerdict) {
	s := v.service
	countVerdict(&v.stats, r.Status)
	if s.cfg.Observe != nil {
		s.cfg.Observe(r.Status, r.called)
	}
	v.done++
	now := s.cfg.Now()
	v.pace.addSample(sample{now, r.called})
	w.ProgressUntil(events.IECVerification, v.done, v.stats.Total, progressMessage,
		v.estimate(now, s.cfg.Quota.LastState()))
	if r.called {
		warnNearLimit(w, s.cfg.Quota.LastState())
	}
}

// estimate returns when the job will be done; zero while that is unknown.
func (v *verification) estimate(now time.Time, quota events.Quota) time.Time {
	q := v.service.cfg.Quota
	return v.pace.estimate(now, v.stats.Total-v.done, q.AsSeenBy(v.smallJob, quota), q.Window())
}

// warnNearLimit warns once that nine tenths of the quota are used.
func warnNearLimit(w *stage.Work, quota events.Quota) {
	if quota.Used*10 >= quota.Limit*9 {
		w.Warn(quota, fmt.Sprintf("%d of this hour's %d calls to the IEC are spent. "+
			"When all are, the job waits and goes on by itself.", quota.Used, quota.Limit))
	}
}

func countVerdict(s *events.IECStats, status records.VerdictStatus) {
	switch status {
	case records.Registered:
		s.Registered++
	case records.NotRegistered:
		s.NotRegistered++
	case records.Deceased:
		s.Deceased++
	case records.International:
		s.International++
	default:
		s.Unverified++
	}
}
