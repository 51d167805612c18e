package intake

import (
	"context"
	"errors"
	"net/http"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// permission is whether somebody may upload a file now.
type permission struct {
	Can bool `json:"can_upload"`
	// Reason is a sentence; nil for those who can.
	Reason *string `json:"reason"`
	// ResetTime is when they can again; nil where nobody knows.
	ResetTime *time.Time `json:"reset_time"`
}

// CanUpload tells whether the person could upload a file now.
func (d Desk) CanUpload(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	now, err := d.permission(r.Context(), who)
	if err != nil {
		return nil, err
	}
	message := "You can upload a file."
	if now.Reason != nil {
		message = *now.Reason
	}
	return &rest.Result{Message: message, Data: now}, nil
}

// permission asks the limits that an upload would meet first.
func (d Desk) permission(ctx context.Context, who rest.Caller) (permission, error) {
	err := d.Upload.MayUpload(ctx, who.Principal)
	if err == nil {
		return permission{Can: true}, nil
	}
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok {
		return permission{}, err
	}
	p := permission{Reason: &refused.Message}
	if refused.Details["of"] == "uploads_per_hour" { // of others nobody knows when they end
		at := d.Now().Add(refused.RetryAfter).UTC()
		p.ResetTime = &at
	}
	return p, nil
}
