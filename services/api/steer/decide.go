package steer

import (
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// Approve lets a job write what it proposed.
func (d Desk) Approve(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	if _, err := d.Load(r.Context(), r.PathValue("jobId"), who); err != nil {
		return nil, err
	}
	reason, err := rest.ReadReason(r)
	if err != nil {
		return nil, err
	}
	job, err := d.decide(r, who, &events.Approved{By: who.User, Reason: reason})
	if err != nil {
		return nil, err
	}
	return &rest.Result{Status: http.StatusAccepted, Message: "The job was approved and is being written.",
		Data: rest.ViewOf(&job)}, nil
}

// Decline ends a job that waits for approval. Its uploader is told why.
func (d Desk) Decline(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	if _, err := d.Load(r.Context(), r.PathValue("jobId"), who); err != nil {
		return nil, err
	}
	reason, err := rest.ReadReason(r)
	if err == nil && reason == "" {
		err = refusal.New(refusal.CodeBadRequest, "Say why in reason: the uploader reads it.")
	}
	if err != nil {
		return nil, err
	}
	job, err := d.decide(r, who, &events.Declined{By: who.User, Reason: reason})
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The job was declined. Nothing was written.", Data: rest.ViewOf(&job)}, nil
}

// decide appends a decision about a job that waits. Nobody decides about what
// they asked for themselves.
func (d Desk) decide(r *http.Request, who rest.Caller, decision events.Fact) (events.Job, error) {
	return d.steer(r, who, func(job *events.Job) (events.Fact, error) {
		if asker := job.Uploaded.Asker(); asker.ID == who.ID || job.Owner.ID == who.ID {
			return nil, &refusal.Error{Code: refusal.CodeForbidden,
				Message: "Somebody else has to decide about a job of your own.",
				Details: map[string]any{"permission": who.Wants, "reason": "four_eyes"}}
		}
		return decision, nil
	})
}
