package api

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/jobs"
)

// waitingJob is a job that waits for the person, as lists show jobs.
type waitingJob struct {
	listedJob
	WaitsFor jobs.Reason `json:"waits_for"`
}

// waiting lists the jobs that wait for the person: those to decide about, those whose
// waiting rows they may take over, and their own that have failed.
func (s lists) waiting(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	limit, err := numberParameter(r, "limit", defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	waiter := jobs.Waiter{UserID: who.ID, Approves: who.SeesAll() && who.MayOnOthers(access.Approve),
		Transfers: who.SeesAll() && who.May(access.Write) == nil && who.MayOnOthers(access.ReadRows)}
	entries, total, err := s.cfg.Jobs.Waiting(r.Context(), waiter, s.cfg.Now(), limit)
	if err != nil {
		return nil, err
	}
	list := make([]waitingJob, 0, len(entries))
	for _, e := range entries {
		if e.WaitsFor == jobs.ForApproval {
			// Whoever asked for it decides about it as little as its owner. The list of jobs
			// does not know them.
			job, err := s.cfg.Log.Load(r.Context(), e.JobID)
			if err != nil && !errors.Is(err, events.ErrNotFound) {
				return nil, err
			}
			if err != nil || job.Uploaded.Asker().ID == who.ID { // its events may be kept no longer
				total--
				continue
			}
		}
		shown, err := listedOf(e.Entry)
		if err != nil {
			return nil, err
		}
		list = append(list, waitingJob{listedJob: shown, WaitsFor: e.WaitsFor})
	}
	return &result{message: fmt.Sprintf("%d jobs wait for you.", total), data: map[string]any{
		"jobs": list, "total": total,
	}}, nil
}

const (
	defaultHours = 24
	maxHours     = 168
)

// rateLimitUsage tells which hours and whose jobs have had the calls to the IEC: the
// person's own, or for those who see everybody's jobs all.
func (s limits) rateLimitUsage(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	n, err := numberParameter(r, "hours", defaultHours, maxHours)
	if err != nil {
		return nil, err
	}
	q, err := s.cfg.Quota(r.Context())
	if err != nil {
		return nil, err
	}
	to := s.cfg.Now().UTC()
	from := to.Truncate(time.Hour).Add(-time.Duration(n-1) * time.Hour)
	hours, users, err := s.cfg.Jobs.Calls(r.Context(), visibleOwner(who), from, to)
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"quota": describeQuota(q), "hours": hours, "users": users, "next_free": to, "from": from, "to": to,
	}
	if q.Used >= q.Limit {
		data["next_free"] = q.ResetAt
	}
	return &result{message: fmt.Sprintf("The last %d hours.", n), data: data}, nil
}
