package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
)

// Error is why a request is not authenticated. It never holds the token.
type Error struct {
	// Reason is stable: token_missing, token_expired or token_invalid.
	Reason string
	// Message is a sentence for the user.
	Message string
	err     error
}

func (e *Error) Error() string {
	if e.err != nil {
		return e.Reason + ": " + e.err.Error()
	}
	return e.Reason
}

func (e *Error) Unwrap() error { return e.err }

// Reasons of an Error.
const (
	ReasonMissing = "token_missing"
	ReasonExpired = "token_expired"
	ReasonInvalid = "token_invalid"
)

// Claims is what a good token says.
type Claims struct {
	events.User
	Expires time.Time
}

// Admin reports whether the user may see the jobs of all users: the roles
// super_admin and national_admin. The other roles see their own jobs only.
func (c Claims) Admin() bool { return c.Role == "super_admin" || c.Role == "national_admin" }

// maxID bounds a user's id, which becomes part of headers and log lines.
const maxID = 128

// Verify checks a token: its signature, exp (required), nbf and iat, and that
// it has a sub (or id) and a role_name. The error is an *Error.
func (v *Verifier) Verify(token string) (Claims, error) {
	if token == "" {
		return Claims{}, missing()
	}
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, claims, v.keys); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return Claims{}, &Error{Reason: ReasonExpired, Message: "Your session has expired. Please sign in again.", err: plain(err)}
		}
		return Claims{}, invalid(plain(err))
	}
	id, err := userID(claims)
	if err != nil {
		return Claims{}, invalid(err)
	}
	role, _ := claims["role_name"].(string)
	if role == "" || !tidy(role) {
		return Claims{}, invalid(errors.New("no role_name"))
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return Claims{}, invalid(errors.New("no exp"))
	}
	return Claims{User: events.User{ID: id, Role: role}, Expires: exp.Time}, nil
}

// plain names the fault without the text of the token, which some of the
// library's errors quote.
func plain(err error) error {
	for _, known := range []error{jwt.ErrTokenExpired, jwt.ErrTokenMalformed, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenRequiredClaimMissing,
		jwt.ErrTokenNotValidYet, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenInvalidAudience, jwt.ErrTokenUnverifiable} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("token refused")
}

func userID(claims jwt.MapClaims) (string, error) {
	for _, name := range []string{"sub", "id"} {
		var id string
		switch v := claims[name].(type) {
		case string:
			id = v
		case float64:
			if v != float64(int64(v)) {
				return "", fmt.Errorf("%s is no whole number", name)
			}
			id = fmt.Sprint(int64(v))
		case json.Number:
			id = v.String()
		case nil:
			continue
		}
		if !tidy(id) {
			return "", fmt.Errorf("%s is empty, longer than %d bytes or has characters that do not print", name, maxID)
		}
		return id, nil
	}
	return "", errors.New("no sub or id")
}

func tidy(s string) bool {
	return s != "" && len(s) <= maxID && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func missing() *Error {
	return &Error{Reason: ReasonMissing, Message: "Please sign in: send a token in the Authorization header."}
}

func invalid(err error) *Error {
	return &Error{Reason: ReasonInvalid, Message: "The token is not valid. Please sign in again.", err: err}
}

// FromRequest returns the bearer token of the Authorization header. A token in
// the URL is not looked for: URLs end up in logs and histories.
func FromRequest(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", missing()
	}
	scheme, token, ok := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", invalid(errors.New("authorization is not Bearer"))
	}
	return token, nil
}

// Request checks the token of a request.
func (v *Verifier) Request(r *http.Request) (Claims, error) {
	token, err := FromRequest(r)
	if err != nil {
		return Claims{}, err
	}
	return v.Verify(token)
}
