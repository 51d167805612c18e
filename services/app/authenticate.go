package app

import (
	"fmt"
	"net/http"
	"os"

	"rollcall.example/events/access"
	"rollcall.example/gateway/auth"
)

// Authenticate has REST check tokens as the WebSocket does.
func Authenticate(v *auth.Verifier, policy *access.Policy) func(*http.Request) (access.Principal, error) {
	return func(r *http.Request) (access.Principal, error) {
		claims, err := v.VerifyRequest(r)
		if err != nil {
			return access.Principal{}, err
		}
		return claims.Identify(policy), nil
	}
}

// readPolicy returns the policy of a file, or the default one for "".
func readPolicy(file string) (*access.Policy, error) {
	if file == "" {
		return access.Default(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	policy, err := access.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return policy, nil
}
