package api

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
)

// caseDesk is the handlers of what is done for one person. An ID number comes in the
// body of a request and goes nowhere from there but sealed into the bucket of cases.
type caseDesk struct{ *API }

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
func (d caseDesk) loadCase(ctx context.Context, id string, who caller) (cases.Case, error) {
	c, err := d.cases.Load(ctx, id)
	if errors.Is(err, cases.ErrNotFound) || err == nil && who.May(neededFor(c.Requested.What)) != nil {
		return cases.Case{}, refusal.New(refusal.CodeNotFound, "There is no such case.")
	}
	return c, err
}

// show tells where a case stands.
func (d caseDesk) show(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	c, err := d.loadCase(r.Context(), r.PathValue("caseId"), who)
	if err != nil {
		return nil, err
	}
	return &result{message: "The case was found.", data: c.View()}, nil
}

const (
	defaultCases = 100
	maxCases     = 1000
)

// list lists the cases that the person may have to do with, newest first.
func (d caseDesk) list(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	limit, err := numberParameter(r, "limit", defaultCases, maxCases)
	if err != nil {
		return nil, err
	}
	list := []cases.View{}
	for c, err := range d.cases.All(r.Context()) {
		if err != nil {
			return nil, err
		}
		if who.May(neededFor(c.Requested.What)) == nil {
			list = append(list, c.View())
		}
	}
	slices.Reverse(list)
	total := len(list)
	return &result{message: fmt.Sprintf("%d cases.", total),
		data: map[string]any{"total": total, "cases": list[:min(limit, total)]}}, nil
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
