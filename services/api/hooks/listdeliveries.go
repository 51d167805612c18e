package hooks

import (
	"fmt"
	"net/http"

	"rollcall.example/services/api/rest"
)

// ListDeliveries lists the newest deliveries of a webhook of the person.
func (d Desk) ListDeliveries(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	list, err := d.Webhooks.Deliveries(r.Context(), who.ID, r.PathValue("webhookId"))
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: fmt.Sprintf("%d deliveries.", len(list)), Data: map[string]any{"deliveries": list}}, nil
}
