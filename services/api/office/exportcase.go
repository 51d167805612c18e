package office

import (
	"encoding/json"
	"errors"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/person"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/services/api/rest"
)

// ExportCase sends what is stored of a person, once the audit has it who reads.
func (d Desk) ExportCase(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	c, err := d.loadCase(r.Context(), r.PathValue("caseId"), who)
	switch {
	case err != nil:
		return nil, err
	case c.Requested.What != cases.Export:
		return nil, refusal.New(refusal.CodeNotFound, "There is no such case.")
	case !c.Ended():
		return nil, refuseState(&c, refusal.CodeNotReady, "The export is not ready: the case is "+string(c.Status)+".")
	case c.Status != cases.Done:
		return nil, refuseState(&c, refusal.CodeNotAllowed, "The case is "+string(c.Status)+", so it has no export.")
	case c.Approved == nil && d.Policy.NeedsFourEyes(fourEyesOf(cases.Export)):
		return nil, refuseOwn(cases.Export, "Nobody has approved this export. Please ask again.")
	}
	end, err := d.Downloads.Begin(who.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	text, err := c.ReadExport(r.Context(), d.Store, d.Key)
	switch {
	case errors.Is(err, events.ErrMissing):
		return nil, &refusal.Error{Code: refusal.CodeExpired, Message: "The export is kept no longer. Please ask again.",
			Details: map[string]any{"reason": events.ErasedExpired}, Err: err}
	case errors.Is(err, person.ErrSealed):
		return nil, &refusal.Error{Code: refusal.CodeReportDamaged, Err: err,
			Message: "The export was sealed with another key, or altered. Please ask again."}
	case err != nil:
		return nil, rest.ExplainDamage(err)
	}
	read := events.Access{CaseID: c.ID, What: events.AccessExport, At: d.Now().UTC(), By: who.User,
		From: security.ClientAddress(r, d.TrustedProxies), Person: c.Requested.Person}
	if err := d.RecordReading(r, read); err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "export read", "case", c.ID, "user", who.ID)
	return &rest.Result{Message: "This is what is stored of the person.", Data: json.RawMessage(text)}, nil
}
