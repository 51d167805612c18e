package api

import "net/http"

// remove deletes a webhook of the person.
func (h webhooks) remove(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	id := r.PathValue("webhookId")
	if err := h.cfg.Webhooks.Remove(r.Context(), who.ID, id); err != nil {
		return nil, err
	}
	return &result{message: "The webhook was deleted.", data: map[string]any{"id": id}}, nil
}
