package api

import (
	"fmt"
	"net/http"
)

// webhooks are the handlers of what a person has registered.
type webhooks struct{ *API }

// list lists the person's webhooks, without their secrets.
func (h webhooks) list(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	hooks, err := h.cfg.Webhooks.List(r.Context(), who.ID)
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d webhooks.", len(hooks)), data: map[string]any{"webhooks": hooks}}, nil
}
