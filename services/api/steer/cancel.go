package steer

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
)

// Cancel stops a job.
func (d Desk) Cancel(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	job, err := d.steer(r, who, func(j *events.Job) (events.Fact, error) {
		return &events.Cancelled{Stage: j.Stage, By: who.User}, nil
	})
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The job was cancelled.", Data: rest.ViewOf(&job)}, nil
}
