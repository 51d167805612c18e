package app

import (
	"net/http"

	"rollcall.example/gateway/auth"
	"rollcall.example/services/api"
)

// Authenticate has REST check tokens as the WebSocket does.
func Authenticate(v *auth.Verifier) func(*http.Request) (api.Principal, error) {
	return func(r *http.Request) (api.Principal, error) {
		claims, err := v.VerifyRequest(r)
		if err != nil {
			return api.Principal{}, err
		}
		return api.Principal{User: claims.User, Admin: claims.IsAdmin()}, nil
	}
}
