package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// rules are what a token must meet beyond its signature and times.
type rules struct {
	issuers     []string
	types       []string // in lower case, without application/
	maxLifetime time.Duration
}

func newRules(cfg Config) rules {
	r := rules{issuers: cfg.Issuers, maxLifetime: cfg.MaxLifetime}
	types := cfg.Types
	if len(types) == 0 {
		types = DefaultTypes
	}
	for _, t := range types {
		r.types = append(r.types, plainType(t))
	}
	return r
}

// plainType returns a typ without what makes no difference (RFC 7515, 4.1.9).
func plainType(typ string) string { return strings.TrimPrefix(strings.ToLower(typ), "application/") }

var errType = errors.New("typ is none of the accepted ones")

// checkType keeps tokens that the issuer made for something else, such as ID tokens with a
// typ of their own, from being used here.
func (r rules) checkType(header map[string]any) error {
	typ, given := header["typ"]
	if !given {
		if slices.Contains(r.types, TypeAbsent) {
			return nil
		}
		return errType
	}
	text, _ := typ.(string)
	if text = plainType(text); text == TypeAbsent || !slices.Contains(r.types, text) {
		return errType
	}
	return nil
}

func (r rules) checkIssuer(claims jwt.MapClaims) error {
	if len(r.issuers) == 0 {
		return nil
	}
	if iss, err := claims.GetIssuer(); err != nil || !slices.Contains(r.issuers, iss) {
		return jwt.ErrTokenInvalidIssuer
	}
	return nil
}

// checkLifetime refuses a token that is good for too long: whoever finds it has as much time.
func (r rules) checkLifetime(c Claims, now time.Time) error {
	from := c.IssuedAt
	if from.IsZero() {
		from = now
	}
	if r.maxLifetime > 0 && c.Expires.Sub(from) > r.maxLifetime {
		return Refuse(ReasonInvalid, fmt.Sprintf("The token is valid for too long: at most %s is accepted here.",
			r.maxLifetime), errors.New("lifetime is too long"))
	}
	return nil
}
