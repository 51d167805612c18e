package app

import (
	"fmt"
	"net/http"
	"os"
	"strings"

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

// readPolicy returns the policy of a file, or the default one for "", with what tokens'
// roles are in it.
func readPolicy(file string, roles []string) (*access.Policy, error) {
	policy := access.Default()
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read policy: %w", err)
		}
		if policy, err = access.Parse(data); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	m, err := readRoleMap(roles)
	if err != nil {
		return nil, err
	}
	if policy, err = policy.WithRoleMap(m); err != nil {
		return nil, fmt.Errorf("role-map: %w", err)
	}
	return policy, nil
}

// readRoleMap reads pairs ROLE=OURS and names of files.
func readRoleMap(items []string) (access.RoleMap, error) {
	m := access.RoleMap{}
	for _, item := range items {
		if strings.Contains(item, "=") {
			if err := m.AddPair(item); err != nil {
				return nil, fmt.Errorf("role-map: %w", err)
			}
			continue
		}
		data, err := os.ReadFile(item)
		if err != nil {
			return nil, fmt.Errorf("role-map: %w", err)
		}
		if err := m.AddFile(data); err != nil {
			return nil, fmt.Errorf("role-map: %s: %w", item, err)
		}
	}
	return m, nil
}
