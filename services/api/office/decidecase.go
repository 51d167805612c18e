package office

import (
	"errors"
	"fmt"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/services/api/rest"
)

// ApproveCase lets a case go on.
func (d Desk) ApproveCase(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	c, err := d.decideCase(r, who, func(reason, from string) cases.Fact {
		return &cases.Approved{By: who.User, From: from, Reason: reason}
	})
	if err != nil {
		return nil, err
	}
	return &rest.Result{Status: http.StatusAccepted, Message: "The case was approved and is being done.",
		Data: c.View()}, nil
}

// DeclineCase ends a case that waits for approval.
func (d Desk) DeclineCase(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	c, err := d.decideCase(r, who, func(reason, from string) cases.Fact {
		return &cases.Declined{By: who.User, From: from, Reason: reason}
	})
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The case was declined. Nothing was done.", Data: c.View()}, nil
}

// decideCase appends a decision about a case of somebody else that waits. When the case
// moves on at the same moment, it is looked at anew.
func (d Desk) decideCase(r *http.Request, who rest.Caller, decision func(reason, from string) cases.Fact,
) (c cases.Case, err error) {
	if _, err := d.loadCase(r.Context(), r.PathValue("caseId"), who); err != nil {
		return c, err
	}
	reason, err := rest.ReadReason(r)
	if err == nil && reason == "" {
		err = refusal.New(refusal.CodeBadRequest, "Say why in reason: the case keeps it.")
	}
	if err != nil {
		return c, err
	}
	from := security.ClientAddress(r, d.TrustedProxies)
	const tries = 20
	for n := range tries {
		if c, err = d.loadCase(r.Context(), r.PathValue("caseId"), who); err != nil {
			return c, err
		}
		what := c.Requested.What
		if c.Requested.By.ID == who.ID {
			return c, refuseOwn(what, "Somebody else has to decide about a case of your own.")
		}
		err = d.Cases.Decide(r.Context(), &c, decision(reason, from))
		switch {
		case errors.Is(err, events.ErrConflict):
			if err := events.WaitAfterConflict(r.Context(), n+1); err != nil {
				return c, err
			}
			continue
		case errors.Is(err, events.ErrNotAllowed):
			return c, refuseState(&c, refusal.CodeNotAllowed,
				"The case is "+string(c.Status)+", so nobody decides about it now.")
		case err != nil:
			return c, err
		}
		d.Logger.InfoContext(r.Context(), "case decided", "case", c.ID, "kind", what, "user", who.ID, "status", c.Status)
		return c, nil
	}
	return c, fmt.Errorf("case moved on %d times: %w", tries, events.ErrConflict)
}
