package office

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"rollcall.example/events/cases"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/services/api/rest"
)

// AddCase opens a case for a person.
func (d Desk) AddCase(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	var wanted struct {
		Kind   cases.Kind `json:"kind"`
		ID     string     `json:"id_number"`
		Reason string     `json:"reason"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&wanted); err != nil {
		return nil, refusal.New(refusal.CodeBadRequest, "The body must be JSON with kind, id_number and reason.")
	}
	if wanted.Kind != cases.Erase && wanted.Kind != cases.Export {
		return nil, refusal.New(refusal.CodeBadRequest, "kind must be erase or export.")
	}
	if err := who.May(neededFor(wanted.Kind)); err != nil {
		return nil, err
	}
	reason, err := rest.CheckReason(wanted.Reason)
	if err == nil && reason == "" {
		err = refusal.New(refusal.CodeBadRequest, "Say why in reason: the case keeps it.")
	}
	if err != nil {
		return nil, err
	}
	c, err := d.Cases.Open(r.Context(), d.Store, d.Key, cases.Request{
		What: wanted.Kind, ID: strings.TrimSpace(wanted.ID), By: who.User, Reason: reason,
		From:     security.ClientAddress(r, d.TrustedProxies),
		FourEyes: d.Policy.NeedsFourEyes(fourEyesOf(wanted.Kind)),
	})
	if errors.Is(err, cases.ErrNoID) {
		return nil, refusal.New(refusal.CodeBadRequest, "id_number must be an ID number of 13 digits.")
	}
	if err != nil {
		return nil, err
	}
	d.Logger.InfoContext(r.Context(), "case opened", "case", c.ID, "kind", wanted.Kind, "user", who.ID)
	message := "The case was opened and is being done."
	if c.Status == cases.Awaiting {
		message = "The case was opened. Another person has to approve it."
	}
	return &rest.Result{Status: http.StatusAccepted, Message: message, Data: c.View()}, nil
}
