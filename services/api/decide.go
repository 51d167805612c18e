package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/spelling"
)

// maxReason is how long the reason of a decision may be, in characters.
const maxReason = 500

// approve lets a job write what it proposed.
func (a *API) approve(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	if _, err := a.load(r.Context(), r.PathValue("jobId"), who); err != nil {
		return nil, err
	}
	reason, err := readReason(r)
	if err != nil {
		return nil, err
	}
	job, err := a.decide(r, who, &events.Approved{By: who.User, Reason: reason})
	if err != nil {
		return nil, err
	}
	return &result{status: http.StatusAccepted, message: "The job was approved and is being written.",
		data: viewOf(&job)}, nil
}

// decline ends a job that waits for approval. Its uploader is told why.
func (a *API) decline(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	if _, err := a.load(r.Context(), r.PathValue("jobId"), who); err != nil {
		return nil, err
	}
	reason, err := readReason(r)
	if err == nil && reason == "" {
		err = refusal.New(refusal.CodeBadRequest, "Say why in reason: the uploader reads it.")
	}
	if err != nil {
		return nil, err
	}
	job, err := a.decide(r, who, &events.Declined{By: who.User, Reason: reason})
	if err != nil {
		return nil, err
	}
	return &result{message: "The job was declined. Nothing was written.", data: viewOf(&job)}, nil
}

// decide appends a decision about a job that waits. Nobody decides about what
// they asked for themselves.
func (a *API) decide(r *http.Request, who caller, decision events.Fact) (events.Job, error) {
	return a.steer(r, who, func(job *events.Job) (events.Fact, error) {
		if asker := job.Uploaded.Asker(); asker.ID == who.ID || job.Owner.ID == who.ID {
			return nil, &refusal.Error{Code: refusal.CodeForbidden,
				Message: "Somebody else has to decide about a job of your own.",
				Details: map[string]any{"permission": who.wants, "reason": "four_eyes"}}
		}
		return decision, nil
	})
}

// readReason reads the optional body {"reason": "..."} of a decision. A reason is
// part of an event, so an ID number in it is refused.
func readReason(r *http.Request) (string, error) {
	var body struct {
		Reason string `json:"reason"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return "", refusal.New(refusal.CodeBadRequest, "The body must be JSON with reason, or empty.")
	}
	return checkReason(body.Reason)
}

// checkReason returns a reason without the space around it.
func checkReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case utf8.RuneCountInString(reason) > maxReason:
		return "", refusal.New(refusal.CodeBadRequest, "The reason is longer than 500 characters.")
	case events.HasID(reason), spelling.HasNumber(reason):
		return "", refusal.New(refusal.CodeBadRequest, "The reason holds an ID number. Name no person in it.")
	}
	return reason, nil
}
