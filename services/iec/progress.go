package iec

import (
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

const progressMessage = "Asking the IEC"

// observe tells of the verdict of a row.
func (v *verification) observe(r rowVerdict) {
	if f := v.service.cfg.Observe; f != nil {
		f(r.Status, r.called)
	}
}

// report tells of the verdict of the next row, and the progress of the job.
func (v *round) report(r rowVerdict) {
	s := v.service
	v.observe(r)
	v.done++
	if r.aside {
		v.aside++
	}
	now := s.cfg.Now()
	v.pace.addSample(sample{now, r.called})
	v.w.ProgressUntil(events.IECVerification, v.done, v.stats.Total, progressMessage,
		s.cfg.Quota.Clock().ToNATS(v.estimate(now, s.cfg.Quota.LastState(), v.own.lastState())))
	if r.called {
		q := s.cfg.Quota
		warnNearLimit(v.w, q.onWire(q.LastState()), "%d of this hour's %d calls to the IEC are spent.")
		warnNearLimit(v.w, q.onWire(v.own.lastState()), "Your jobs have spent %d of their %d calls to the IEC of this hour.")
	}
}

// estimate returns when the job will be done, by the quota of all and the
// uploader's own part, zero for none; zero while that is unknown.
func (v *verification) estimate(now time.Time, all, own events.Quota) time.Time {
	q, left := v.service.cfg.Quota, v.stats.Total-v.done
	done := v.pace.estimate(now, left, q.AsSeenBy(v.smallJob, all), q.Window())
	if byOwn := v.pace.estimate(now, left, own, q.Window()); byOwn.After(done) {
		done = byOwn
	}
	return done
}

// warnNearLimit warns once that nine tenths of a quota are used. It says nothing of
// a quota without a limit.
func warnNearLimit(w *stage.Work, quota events.Quota, message string) {
	if quota.Limit > 0 && quota.Used*10 >= quota.Limit*9 {
		w.Warn(quota, fmt.Sprintf(message+" When all are, the job waits and goes on by itself.", quota.Used, quota.Limit))
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
