package api

import (
	"encoding/json"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/webhook/registry"
)

// add registers a URL for the jobs of the person, or for one that the
// person may see. The secret is told once.
func (h webhooks) add(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
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
	hook, err := h.cfg.Webhooks.NewWebhook(registry.Request{URL: wanted.URL, JobID: wanted.JobID, Kinds: wanted.Events})
	if err != nil {
		return nil, err
	}
	if hook.JobID != nil {
		if _, err := h.load(r.Context(), *hook.JobID, caller{who.Principal, access.ReadStatus}); err != nil {
			return nil, err
		}
	}
	secret, err := h.cfg.Webhooks.Add(r.Context(), who.ID, hook)
	if err != nil {
		return nil, err
	}
	return &result{status: http.StatusCreated, data: withSecret{hook, secret},
		message: "The webhook was registered. Keep the secret: it is not shown again."}, nil
}
