package hooks

import (
	"encoding/json"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/webhook/registry"
)

// Add registers a URL for the jobs of the person, or for one that the
// person may see. The secret is told once.
func (d Desk) Add(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	var wanted struct {
		URL    string        `json:"url"`
		JobID  string        `json:"job_id"`
		Events []events.Kind `json:"events"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&wanted); err != nil {
		return nil, refusal.New(refusal.CodeBadRequest, "The body must be JSON with url, and where wanted job_id and events.")
	}
	hook, err := d.Webhooks.NewWebhook(registry.Request{URL: wanted.URL, JobID: wanted.JobID, Kinds: wanted.Events})
	if err != nil {
		return nil, err
	}
	if hook.JobID != nil {
		reader := rest.Caller{Principal: who.Principal, Wants: access.ReadStatus}
		if _, err := d.Load(r.Context(), *hook.JobID, reader); err != nil {
			return nil, err
		}
	}
	secret, err := d.Webhooks.Add(r.Context(), who.ID, hook)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Status: http.StatusCreated, Data: withSecret{hook, secret},
		Message: "The webhook was registered. Keep the secret: it is not shown again."}, nil
}
