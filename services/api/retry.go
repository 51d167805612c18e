package api

import (
	"net/http"

	"rollcall.example/events"
)

// retry runs a failed or cancelled job again, from the stage at which it ended.
func (a *API) retry(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	known, err := loadCurrent(r.Context(), a, r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	input := known.Uploaded.File // what the stage that is retried reads first
	if known.Validated != nil {
		input = known.Validated.Rows
	}
	if err := checkKept(&known, "The spreadsheet", input); err != nil {
		return nil, err
	}
	job, err := a.steer(r, who, func(j *events.Job) (events.Fact, error) {
		return &events.Retried{Stage: j.Stage, By: who.User}, nil
	})
	if err != nil {
		return nil, err
	}
	return &result{status: http.StatusAccepted, message: "The job is being tried again.", data: viewOf(&job)}, nil
}
