package api

import (
	"net/http"

	"rollcall.example/events"
)

// cancel stops a job.
func (a *API) cancel(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	job, err := a.steer(r, who, func(j *events.Job) (events.Fact, error) {
		return &events.Cancelled{Stage: j.Stage, By: who.User}, nil
	})
	if err != nil {
		return nil, err
	}
	return &result{message: "The job was cancelled.", data: viewOf(&job)}, nil
}
