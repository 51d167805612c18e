package intake

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
)

// RateLimitStatus tells how much of the hourly quota of IEC calls is spent, and how
// much of the user's own part where users have one, and how much room their jobs take.
func (d Desk) RateLimitStatus(_ http.ResponseWriter, r *http.Request, c rest.Caller) (*rest.Result, error) {
	q, err := d.Quota(r.Context())
	if err != nil {
		return nil, err
	}
	var own events.Quota
	if d.UserQuota != nil {
		if own, err = d.UserQuota(r.Context(), c.ID); err != nil {
			return nil, err
		}
	}
	used, err := d.Jobs.Usage(r.Context(), c.ID, d.Now())
	if err != nil {
		return nil, err
	}
	storage := map[string]any{"used_bytes": used.Stored, "limit_bytes": nil}
	if limit := d.Upload.UserStorage(); limit > 0 {
		storage["limit_bytes"] = limit
	}
	now, err := d.permission(r.Context(), c)
	if err != nil {
		return nil, err
	}
	data := describeQuota(q)
	data["storage"], data["uploads_allowed"], data["reset_time_formatted"] = storage, now.Can, nil
	if !q.ResetAt.IsZero() {
		data["reset_time_formatted"] = q.ResetAt.In(events.SouthAfrica).Format("2 January 2006, 15:04 MST")
	}
	message := fmt.Sprintf("%d of %d calls to the IEC are spent.", q.Used, q.Limit)
	if own.Limit > 0 {
		data["user"] = describeQuota(own)
		message += fmt.Sprintf(" Your jobs have spent %d of their %d.", own.Used, own.Limit)
	}
	if now.Reason != nil {
		message += " " + *now.Reason
	}
	data["message"] = message
	return &rest.Result{Message: message, Data: data}, nil
}

func describeQuota(q events.Quota) map[string]any {
	data := map[string]any{
		"current_count": q.Used, "max_limit": q.Limit, "remaining": max(q.Limit-q.Used, 0),
		"percentage_used": math.Round(1000*float64(q.Used)/float64(q.Limit)) / 10,
		"is_limited":      q.Used >= q.Limit, "reset_time": nil,
	}
	if !q.ResetAt.IsZero() {
		data["reset_time"] = q.ResetAt
	}
	return data
}

const (
	defaultHours = 24
	maxHours     = 168
)

// RateLimitUsage tells which hours and whose jobs have had the calls to the IEC: the
// person's own, or for those who see everybody's jobs all.
func (d Desk) RateLimitUsage(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	n, err := rest.NumberParameter(r, "hours", defaultHours, maxHours)
	if err != nil {
		return nil, err
	}
	q, err := d.Quota(r.Context())
	if err != nil {
		return nil, err
	}
	to := d.Now().UTC()
	from := to.Truncate(time.Hour).Add(-time.Duration(n-1) * time.Hour)
	hours, users, err := d.Jobs.Calls(r.Context(), who.VisibleOwner(), from, to)
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"quota": describeQuota(q), "hours": hours, "users": users, "next_free": to, "from": from, "to": to,
	}
	if q.Used >= q.Limit {
		data["next_free"] = q.ResetAt
	}
	return &rest.Result{Message: fmt.Sprintf("The last %d hours.", n), Data: data}, nil
}
