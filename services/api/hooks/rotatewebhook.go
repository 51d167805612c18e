package hooks

import (
	"net/http"

	"rollcall.example/services/api/rest"
	"rollcall.example/services/webhook/registry"
)

// Rotate replaces the secret of a webhook of the person. The new one is told once.
func (d Desk) Rotate(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	hook, secret, err := d.Webhooks.Rotate(r.Context(), who.ID, r.PathValue("webhookId"))
	if err != nil {
		return nil, err
	}
	return &rest.Result{Data: withSecret{hook, secret},
		Message: "The secret was replaced. Keep the new one: it is not shown again. The old one signs too for a day."}, nil
}

// withSecret is a webhook on the two occasions on which its secret is shown.
type withSecret struct {
	registry.Webhook
	Secret string `json:"secret"`
}

// Test asks for a test delivery to a webhook of the person.
func (d Desk) Test(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	test, err := d.Webhooks.Test(r.Context(), who.ID, r.PathValue("webhookId"))
	if err != nil {
		return nil, err
	}
	return &rest.Result{Status: http.StatusAccepted, Data: test,
		Message: "A test is on its way. What became of it is in the list of deliveries."}, nil
}
