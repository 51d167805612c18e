package api

import (
	"fmt"
	"math"
	"net/http"

	"rollcall.example/events"
)

// rateLimitStatus tells how much of the hourly quota of IEC calls is spent, and how
// much of the user's own part where users have one, and how much room their jobs take.
func (s limits) rateLimitStatus(_ http.ResponseWriter, r *http.Request, c caller) (*result, error) {
	q, err := s.cfg.Quota(r.Context())
	if err != nil {
		return nil, err
	}
	var own events.Quota
	if s.cfg.UserQuota != nil {
		if own, err = s.cfg.UserQuota(r.Context(), c.ID); err != nil {
			return nil, err
		}
	}
	used, err := s.cfg.Jobs.Usage(r.Context(), c.ID, s.now())
	if err != nil {
		return nil, err
	}
	storage := map[string]any{"used_bytes": used.Stored, "limit_bytes": nil}
	if limit := s.cfg.Upload.UserStorage(); limit > 0 {
		storage["limit_bytes"] = limit
	}
	now, err := s.permission(r.Context(), c)
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
	return &result{message: message, data: data}, nil
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
