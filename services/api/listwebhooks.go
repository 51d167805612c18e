package api

import (
	"fmt"
	"net/http"
)

// listWebhooks lists the person's webhooks, without their secrets.
func (a *API) listWebhooks(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	hooks, err := a.cfg.Webhooks.List(r.Context(), who.ID)
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d webhooks.", len(hooks)), data: map[string]any{"webhooks": hooks}}, nil
}
