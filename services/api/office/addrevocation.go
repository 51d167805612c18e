package office

import (
	"encoding/json"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/revocation"
	"rollcall.example/services/api/rest"
)

// Revoke ends a token, or all that a user has got until now. Every process knows within
// seconds.
func (d Desk) Revoke(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	var wanted struct {
		JTI   string    `json:"jti"`
		User  string    `json:"user_id"`
		Until time.Time `json:"until"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&wanted); err != nil {
		return nil, refusal.New(refusal.CodeBadRequest, "The body must be JSON with jti or user_id, and where wanted until.")
	}
	if (wanted.JTI == "") == (wanted.User == "") {
		return nil, refusal.New(refusal.CodeBadRequest, "Give either jti or user_id.")
	}
	now := d.Now().UTC()
	e := revocation.Entry{TokenID: wanted.JTI, At: now, Until: wanted.Until.UTC(), By: who.ID}
	if wanted.User != "" {
		e.User = events.UserID(wanted.User)
	}
	switch {
	case wanted.Until.IsZero():
		e.Until = now.Add(revocation.DefaultFor)
	case !wanted.Until.After(now.Add(time.Second)):
		return nil, refusal.New(refusal.CodeBadRequest, "until must be in the future.")
	}
	if err := revocation.Revoke(r.Context(), d.Log.JetStream(), e); err != nil {
		return nil, err
	}
	d.Logger.WarnContext(r.Context(), "tokens revoked", "user", who.ID, "of_user", e.User,
		"one_token", e.TokenID != "", "until", e.Until)
	return &rest.Result{Status: http.StatusCreated, Message: "It is revoked everywhere within seconds.", Data: e}, nil
}
