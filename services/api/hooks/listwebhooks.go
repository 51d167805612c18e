package hooks

import (
	"fmt"
	"net/http"

	"rollcall.example/services/api/rest"
)

// List lists the person's webhooks, without their secrets.
func (d Desk) List(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	hooks, err := d.Webhooks.List(r.Context(), who.ID)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: fmt.Sprintf("%d webhooks.", len(hooks)), Data: map[string]any{"webhooks": hooks}}, nil
}
