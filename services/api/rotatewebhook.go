package api

import (
	"net/http"

	"rollcall.example/services/webhook/registry"
)

// rotate replaces the secret of a webhook of the person. The new one is told once.
func (h webhooks) rotate(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	hook, secret, err := h.cfg.Webhooks.Rotate(r.Context(), who.ID, r.PathValue("webhookId"))
	if err != nil {
		return nil, err
	}
	return &result{data: withSecret{hook, secret},
		message: "The secret was replaced. Keep the new one: it is not shown again. The old one signs too for a day."}, nil
}

// withSecret is a webhook on the two occasions on which its secret is shown.
type withSecret struct {
	registry.Webhook
	Secret string `json:"secret"`
}

// test asks for a test delivery to a webhook of the person.
func (h webhooks) test(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	test, err := h.cfg.Webhooks.Test(r.Context(), who.ID, r.PathValue("webhookId"))
	if err != nil {
		return nil, err
	}
	return &result{status: http.StatusAccepted, data: test,
		message: "A test is on its way. What became of it is in the list of deliveries."}, nil
}
