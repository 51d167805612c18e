package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"rollcall.example/events/refusal"
)

// limits are the handlers of how much a person may do.
type limits struct{ *API }

// permission is whether somebody may upload a file now.
type permission struct {
	Can bool `json:"can_upload"`
	// Reason is a sentence; nil for those who can.
	Reason *string `json:"reason"`
	// ResetTime is when they can again; nil where nobody knows.
	ResetTime *time.Time `json:"reset_time"`
}

// canUpload tells whether the person could upload a file now.
func (s limits) canUpload(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	now, err := s.permission(r.Context(), who)
	if err != nil {
		return nil, err
	}
	message := "You can upload a file."
	if now.Reason != nil {
		message = *now.Reason
	}
	return &result{message: message, data: now}, nil
}

// permission asks the limits that an upload would meet first.
func (s limits) permission(ctx context.Context, who caller) (permission, error) {
	err := s.cfg.Upload.MayUpload(ctx, who.Principal)
	if err == nil {
		return permission{Can: true}, nil
	}
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok {
		return permission{}, err
	}
	p := permission{Reason: &refused.Message}
	if refused.Details["of"] == "uploads_per_hour" { // of others nobody knows when they end
		at := s.now().Add(refused.RetryAfter).UTC()
		p.ResetTime = &at
	}
	return p, nil
}
