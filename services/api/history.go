package api

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/jobs"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// history lists jobs, newest first: the person's own, or for administrators all.
func (a *API) history(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	page, err := numberParameter(r, "page", 1, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	size, err := numberParameter(r, "page_size", defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	status := events.Status(r.URL.Query().Get("status"))
	if status != "" && !slices.Contains(events.Statuses, status) {
		return nil, refusal.New(refusal.CodeBadRequest,
			"status must be one of pending, processing, paused, awaiting_approval, completed, failed, cancelled and declined.")
	}
	list, total, err := a.cfg.Jobs.List(r.Context(),
		jobs.Filter{Owner: visibleOwner(who), Status: status, Page: page, Size: size})
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d jobs.", total), data: map[string]any{
		"jobs": list, "total": total, "page": page, "page_size": size,
	}}, nil
}

// visibleOwner is whose jobs a person sees, "" for all.
func visibleOwner(who caller) string {
	if who.SeesAll() {
		return ""
	}
	return who.ID
}

// numberParameter returns a number of the query from 1 to most, or otherwise where
// there is none.
func numberParameter(r *http.Request, name string, otherwise, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refusal.New(refusal.CodeBadRequest, fmt.Sprintf("%s must be a number from 1 to %d.", name, most))
	}
	return n, nil
}
