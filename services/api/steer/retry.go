package steer

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
)

// Retry runs a failed or cancelled job again, from the stage at which it ended.
func (d Desk) Retry(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	known, err := d.LoadCurrent(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	input := known.Uploaded.File // what the stage that is retried reads first
	if known.Validated != nil {
		input = known.Validated.Rows
	}
	if err := rest.CheckKept(&known, "The spreadsheet", input); err != nil {
		return nil, err
	}
	job, err := d.steer(r, who, func(j *events.Job) (events.Fact, error) {
		return &events.Retried{Stage: j.Stage, By: who.User}, nil
	})
	if err != nil {
		return nil, err
	}
	return &rest.Result{Status: http.StatusAccepted, Message: "The job is being tried again.",
		Data: rest.ViewOf(&job)}, nil
}
