package hooks

import (
	"net/http"

	"rollcall.example/services/api/rest"
)

// Remove deletes a webhook of the person.
func (d Desk) Remove(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	id := r.PathValue("webhookId")
	if err := d.Webhooks.Remove(r.Context(), who.ID, id); err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The webhook was deleted.", Data: map[string]any{"id": id}}, nil
}
