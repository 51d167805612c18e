package lists

import (
	"errors"
	"fmt"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/jobs"
)

// waitingJob is a job that waits for the person, as lists show jobs.
type waitingJob struct {
	listedJob
	WaitsFor jobs.Reason `json:"waits_for"`
}

// Waiting lists the jobs that wait for the person: those to decide about, those whose
// waiting rows they may take over, and their own that have failed.
func (d Desk) Waiting(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	limit, err := rest.NumberParameter(r, "limit", defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	waiter := jobs.Waiter{UserID: who.ID, Approves: who.SeesAll() && who.MayOnOthers(access.Approve),
		Transfers: who.SeesAll() && who.May(access.Write) == nil && who.MayOnOthers(access.ReadRows)}
	entries, total, err := d.Jobs.Waiting(r.Context(), waiter, d.Now(), limit)
	if err != nil {
		return nil, err
	}
	list := make([]waitingJob, 0, len(entries))
	for _, e := range entries {
		if e.WaitsFor == jobs.ForApproval {
			// Whoever asked for it decides about it as little as its owner. The list of jobs
			// does not know them.
			job, err := d.Log.Load(r.Context(), e.JobID)
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
	return &rest.Result{Message: fmt.Sprintf("%d jobs wait for you.", total), Data: map[string]any{
		"jobs": list, "total": total,
	}}, nil
}
