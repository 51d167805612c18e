package iec

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

// postpone turns the error that stopped the work into a postponement of the job,
// where waiting helps.
func (v *verification) postpone(err error) error {
	var spent *SpentError
	var outage *outageError
	var none *noAnswerError
	switch {
	case errors.As(err, &spent):
		return v.postponeSpent(spent)
	case errors.As(err, &outage):
		return stage.Postpone(outage.Until, outage.Reason, outage.sentence(), err)
	case errors.As(err, &none):
		return stage.Postpone(none.Until, events.PauseNoAnswer, fmt.Sprintf("The IEC gave no valid answer about %d of %d "+
			"people. They are asked about again at %s; the job goes on by itself.",
			none.People, v.stats.Total, none.Until.In(events.SouthAfrica).Format("15:04 MST")), err)
	}
	return fmt.Errorf("verify: %w", err)
}

// sentence tells the user of an outage.
func (o *Outage) sentence() string {
	switch {
	case o.Reason == events.PauseRateLimited:
		return "The IEC asked us to wait. The job goes on by itself."
	case o.Reason == events.PauseRefused && o.Status == http.StatusUnauthorized:
		return "The IEC refused our credentials. The job goes on by itself when they are mended."
	case o.Reason == events.PauseRefused:
		return fmt.Sprintf("The IEC refuses to answer about anybody (status %d). "+
			"The job goes on by itself when that is mended.", o.Status)
	}
	return "The IEC cannot be reached at the moment. The job goes on by itself."
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
	return min(asked, longestOutageWait)
}
