package api

import (
	"fmt"
	"math"
	"net/http"
)

// rateLimitStatus tells how much of the hourly quota of IEC calls is spent.
func (a *API) rateLimitStatus(_ http.ResponseWriter, r *http.Request, _ caller) (*result, error) {
	q, err := a.cfg.Quota(r.Context())
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"current_count": q.Used, "max_limit": q.Limit, "remaining": max(q.Limit-q.Used, 0),
		"percentage_used": math.Round(1000*float64(q.Used)/float64(q.Limit)) / 10,
		"is_limited":      q.Used >= q.Limit, "reset_time": nil,
	}
	if !q.ResetAt.IsZero() {
		data["reset_time"] = q.ResetAt
	}
	return &result{message: fmt.Sprintf("%d of %d calls to the IEC are spent.", q.Used, q.Limit), data: data}, nil
}
