package iec

import (
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

// postpone turns the error that stopped the work into a postponement of the job,
// where waiting helps.
func (v *verification) postpone(err error) error {
	s := v.service
	now := s.cfg.Quota.Clock().ToNATS(s.cfg.Now())
	var spent *SpentError
	var limited *RateLimitedError
	var down *UnavailableError
	switch {
	case errors.As(err, &spent):
		return v.postponeSpent(spent)
	case errors.As(err, &limited):
		return stage.Postpone(now.Add(boundWait(limited.RetryAfter, s.cfg.Outage)), events.PauseRateLimited,
			"The IEC asked us to wait. The job goes on by itself.", err)
	case errors.Is(err, ErrCredentials):
		return stage.Postpone(now.Add(s.cfg.Outage), events.PauseUnavailable,
			"The IEC refused our credentials. The job goes on by itself when they are mended.", err)
	case errors.As(err, &down):
		return stage.Postpone(now.Add(boundWait(down.RetryAfter, s.cfg.Outage)), events.PauseUnavailable,
			"The IEC cannot be reached at the moment. The job goes on by itself.", err)
	}
	return fmt.Errorf("verify: %w", err)
}

// postponeSpent postpones the job until the first call is free again.
func (v *verification) postponeSpent(spent *SpentError) error {
	q := v.service.cfg.Quota
	reason := events.PauseQuota
	message := "The calls to the IEC that this job may make are spent for this hour (%d of %d). " +
		"It goes on by itself at %s."
	all, own := spent.Quota, v.own.lastState()
	if spent.OfUser {
		reason = events.PauseUserQuota
		message = "The calls to the IEC that your jobs may make are spent for this hour (%d of %d). " +
			"The job goes on by itself at %s."
		all, own = q.LastState(), spent.Quota
	}
	shown := q.onWire(spent.Quota)
	until := shown.ResetAt
	later := stage.Postpone(until, reason,
		fmt.Sprintf(message, shown.Used, shown.Limit, until.In(events.SouthAfrica).Format("15:04 MST")), spent)
	later.Quota = &shown
	later.ETA = q.Clock().ToNATS(v.estimate(v.service.cfg.Now(), all, own))
	if !later.ETA.IsZero() && later.ETA.Before(until) {
		later.ETA = until // the latest rows needed no call, but the next one does
	}
	return later
}

// boundWait returns the wait that the API asked for, within reason: a nonsensical
// Retry-After must not pause a job for years.
func boundWait(asked, otherwise time.Duration) time.Duration {
	if asked <= 0 {
		return otherwise
	}
	return min(asked, time.Hour)
}
