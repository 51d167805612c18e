package office

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/cases"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// neededFor is the permission that a kind of case takes.
func neededFor(what cases.Kind) access.Permission {
	if what == cases.Export {
		return access.Export
	}
	return access.Erase
}

// fourEyesOf is what a policy calls a kind of case.
func fourEyesOf(what cases.Kind) access.FourEyes {
	if what == cases.Export {
		return access.ExportPerson
	}
	return access.ErasePerson
}

// loadCase returns a case of a kind that the person may have to do with. Any other
// answers like one that does not exist.
func (d Desk) loadCase(ctx context.Context, id string, who rest.Caller) (cases.Case, error) {
	c, err := d.Cases.Load(ctx, id)
	if errors.Is(err, cases.ErrNotFound) || err == nil && who.May(neededFor(c.Requested.What)) != nil {
		return cases.Case{}, refusal.New(refusal.CodeNotFound, "There is no such case.")
	}
	return c, err
}

// ShowCase tells where a case stands.
func (d Desk) ShowCase(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	c, err := d.loadCase(r.Context(), r.PathValue("caseId"), who)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The case was found.", Data: c.View()}, nil
}

const (
	defaultCases = 100
	maxCases     = 1000
)

// ListCases lists the cases that the person may have to do with, newest first.
func (d Desk) ListCases(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	limit, err := rest.NumberParameter(r, "limit", defaultCases, maxCases)
	if err != nil {
		return nil, err
	}
	list := []cases.View{}
	for c, err := range d.Cases.All(r.Context()) {
		if err != nil {
			return nil, err
		}
		if who.May(neededFor(c.Requested.What)) == nil {
			list = append(list, c.View())
		}
	}
	slices.Reverse(list)
	total := len(list)
	return &rest.Result{Message: fmt.Sprintf("%d cases.", total),
		Data: map[string]any{"total": total, "cases": list[:min(limit, total)]}}, nil
}

// refuseOwn refuses what another person has to do.
func refuseOwn(what cases.Kind, message string) error {
	return &refusal.Error{Code: refusal.CodeForbidden, Message: message,
		Details: map[string]any{"permission": neededFor(what), "reason": "four_eyes"}}
}

// refuseState refuses what the state of a case forbids.
func refuseState(c *cases.Case, code, message string) error {
	return &refusal.Error{Code: code, Message: message, Details: map[string]any{"status": c.Status},
		Err: events.ErrNotAllowed}
}
