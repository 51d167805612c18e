package api

import (
	"fmt"
	"net/http"
)

// listDeliveries lists the newest deliveries of a webhook of the person.
func (h webhooks) listDeliveries(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	list, err := h.cfg.Webhooks.Deliveries(r.Context(), who.ID, r.PathValue("webhookId"))
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d deliveries.", len(list)), data: map[string]any{"deliveries": list}}, nil
}
