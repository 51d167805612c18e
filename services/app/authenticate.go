package app

import (
	"errors"
	"net/http"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/auth"
	"rollcall.example/services/upload"
)

// Authenticate has REST check tokens as the WebSocket does.
func Authenticate(v *auth.Verifier) func(*http.Request) (upload.Principal, error) {
	return func(r *http.Request) (upload.Principal, error) {
		claims, err := v.Request(r)
		if refused, ok := errors.AsType[*refusal.Error](err); ok {
			return upload.Principal{}, &upload.Unauthenticated{Reason: auth.Reason(refused), Message: refused.Message}
		}
		if err != nil {
			return upload.Principal{}, err
		}
		return upload.Principal{User: claims.User, Admin: claims.Admin()}, nil
	}
}
