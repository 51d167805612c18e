package api

import (
	"fmt"
	"net/http"
)

// stats adds up the jobs that the person sees.
func (a *API) stats(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	totals, err := a.cfg.Jobs.Totals(r.Context(), visibleOwner(who))
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d jobs.", totals.Jobs), data: totals}, nil
}
