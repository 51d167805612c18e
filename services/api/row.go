package api

import (
	"fmt"
	"net/http"
	"strconv"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// row tells everything that happened to one row of a job.
func (a *API) row(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	job, err := a.loadWith(r.Context(), r.PathValue("jobId"), who, isChecked)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 {
		return nil, refusal.New(refusal.CodeBadRequest, "The row must be its number in the uploaded sheet, from 1 on.")
	}
	if job.Validated == nil {
		return nil, notReady("The rows have not been checked", &job)
	}
	if err := checkKept(&job, "What happened to single rows", job.Validated.Rows, job.Validated.Rejects); err != nil {
		return nil, err
	}
	end, err := a.downloads.begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel, explain := limitMaking(r)
	defer cancel()
	history, err := a.cfg.Rows.Read(ctx, &job, n)
	if err != nil {
		return nil, explain(err)
	}
	if err := a.recordAccess(r, who, job.ID, events.AccessRow, n); err != nil {
		return nil, err
	}
	a.cfg.Logger.InfoContext(r.Context(), "row read", "job", job.ID, "row", n, "user", who.ID)
	return &result{message: fmt.Sprintf("Row %d.", n), data: history}, nil
}
