package reading

import (
	"fmt"
	"net/http"
	"strconv"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// ShowRow tells everything that happened to one row of a job.
func (d Desk) ShowRow(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	job, err := d.LoadWith(r.Context(), r.PathValue("jobId"), who, rest.IsChecked)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 {
		return nil, refusal.New(refusal.CodeBadRequest, "The row must be its number in the uploaded sheet, from 1 on.")
	}
	if job.Validated == nil {
		return nil, rest.NotReady("The rows have not been checked", &job)
	}
	if err := rest.CheckKept(&job, "What happened to single rows", job.Validated.Rows, job.Validated.Rejects); err != nil {
		return nil, err
	}
	end, err := d.Downloads.Begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel, explain := rest.LimitMaking(r)
	defer cancel()
	history, err := d.History.Read(ctx, &job, n)
	if err != nil {
		return nil, explain(err)
	}
	if err := d.RecordAccess(r, who, job.ID, events.AccessRow, n); err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "row read", "job", job.ID, "row", n, "user", who.ID)
	return &rest.Result{Message: fmt.Sprintf("Row %d.", n), Data: history}, nil
}
