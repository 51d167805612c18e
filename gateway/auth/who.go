package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
)

// DefaultUserClaims and DefaultRoleClaims are what empty Config.UserClaims and RoleClaims
// mean.
var (
	DefaultUserClaims = []string{"sub", "id"}
	DefaultRoleClaims = []string{"role_name"}
)

// findClaim returns a claim by its name, or by the way to it through objects with dots
// between: realm_access.roles. A claim whose own name has the dots comes first. nil is
// none.
func findClaim(claims jwt.MapClaims, name string) any {
	if claim := claims[name]; claim != nil {
		return claim
	}
	var at any = map[string]any(claims)
	for step := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[step]
	}
	return at
}

// parseUserID returns the user's id: the first of the user claims that the token has. A
// number must be whole and in plain digits, so that each user has one text only. One
// with an ID number in it becomes another id, for the user's id is written down
// everywhere.
func (v *Verifier) parseUserID(claims jwt.MapClaims) (string, error) {
	for _, name := range v.userClaims {
		claim := findClaim(claims, name)
		if claim == nil {
			continue
		}
		id, err := parseCode(claim)
		if err != nil {
			return "", fmt.Errorf("%s %w", name, err)
		}
		return events.UserID(id), nil
	}
	return "", fmt.Errorf("no %s", strings.Join(v.userClaims, " or "))
}

// parseRole returns the user's role. The first of the role claims that the token has
// decides, so that no other claim gives what that one does not. Of several roles in it
// the first known one counts; where none is known the first, which may do nothing.
func (v *Verifier) parseRole(claims jwt.MapClaims) (string, error) {
	for _, name := range v.roleClaims {
		claim := findClaim(claims, name)
		if claim == nil {
			continue
		}
		roles := v.listRoles(name, claim)
		if len(roles) == 0 {
			return "", fmt.Errorf("%s has no role", name)
		}
		if v.resolveRole == nil {
			return roles[0], nil
		}
		for _, role := range roles {
			if ours, known := v.resolveRole(role); known {
				return ours, nil
			}
		}
		return roles[0], nil
	}
	return "", errors.New("no " + strings.Join(v.roleClaims, " or "))
}

// listRoles returns the texts of a claim, and the numbers that are known. Those of a
// scope stand in one text with spaces between (RFC 8693, 4.2).
func (v *Verifier) listRoles(name string, claim any) (roles []string) {
	list, isList := claim.([]any)
	if text, isText := claim.(string); isText && isScope(name) {
		for _, one := range strings.Fields(text) {
			list = append(list, one)
		}
	} else if !isList {
		list = []any{claim}
	}
	for _, one := range list {
		switch role := one.(type) {
		case string:
			if isTidy(role) {
				roles = append(roles, role)
			}
		case json.Number:
			if v.resolveRole == nil {
				continue
			}
			if _, known := v.resolveRole(role.String()); known {
				roles = append(roles, role.String())
			}
		}
	}
	return roles
}

func isScope(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last == "scope" || last == "scp"
}
