package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// Reasons why a request is not authenticated. They are stable.
const (
	ReasonMissing = "token_missing"
	ReasonExpired = "token_expired"
	ReasonInvalid = "token_invalid"
)

// Refuse returns the refusal of an unauthenticated request. Its code is
// unauthenticated, its details hold the reason. It wraps err, which may be nil
// and must not hold the token: one of jwt.ErrToken... where the library found it.
func Refuse(reason, message string, err error) *refusal.Error {
	cause := errors.New(reason)
	if err != nil {
		cause = fmt.Errorf("%s: %w", reason, err)
	}
	return &refusal.Error{Code: refusal.CodeUnauthenticated, Message: message,
		Details: map[string]any{"reason": reason}, Err: cause}
}

// Reason returns the reason of a refusal that this package has made, "" for any
// other error.
func Reason(err error) string {
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok || refused.Code != refusal.CodeUnauthenticated {
		return ""
	}
	reason, _ := refused.Details["reason"].(string)
	return reason
}

// Roles that are known. Any other is an ordinary user's, like RoleMember.
const (
	RoleSuperAdmin        = "super_admin"
	RoleNationalAdmin     = "national_admin"
	RoleProvinceAdmin     = "province_admin"
	RoleMunicipalityAdmin = "municipality_admin"
	RoleMember            = "member"
)

// Claims is what a good token says.
type Claims struct {
	// User has the id, at most 128 bytes of printing characters, and the role,
	// never empty.
	events.User
	// Expires is when the token ceases to be good, without any leeway.
	Expires time.Time
}

// Admin reports whether the user may see the jobs of all users: the roles
// super_admin and national_admin. The administrators of a province or
// municipality see their own jobs only, since a job belongs to no region.
func (c Claims) Admin() bool { return c.Role == RoleSuperAdmin || c.Role == RoleNationalAdmin }

const (
	// maxID bounds a user's id and role, which become part of headers and log
	// lines.
	maxID = 128
	// maxToken bounds what is decoded for somebody who is not known yet.
	maxToken = 16 << 10
)

// Verify checks a token: its signature, exp (required), nbf and iat, and that
// it has a sub (or id) and a role_name. The error is a
// *refusal.Error with a Reason. It blocks only
// when keys come from a URL and the token names an unknown one, up to 5 s.
func (v *Verifier) Verify(token string) (Claims, error) {
	if token == "" {
		return Claims{}, missing()
	}
	if len(token) > maxToken {
		return Claims{}, invalid(fmt.Errorf("token is longer than %d bytes", maxToken))
	}
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, claims, v.key); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return Claims{}, Refuse(ReasonExpired, "Your session has expired. Please sign in again.", plain(err))
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

// key is the key of a token. One with extensions that its maker calls critical
// is for somebody who knows them (RFC 7515, 4.1.11).
func (v *Verifier) key(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errors.New("critical extensions")
	}
	return v.keys(t)
}

// plain names the fault without the text of the token, which some of the
// library's errors quote.
func plain(err error) error {
	for _, known := range []error{jwt.ErrTokenExpired, jwt.ErrTokenMalformed, jwt.ErrTokenSignatureInvalid,
		jwt.ErrTokenRequiredClaimMissing,
		jwt.ErrTokenNotValidYet, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenInvalidAudience,
		jwt.ErrTokenUnverifiable} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("token refused")
}

// userID is the user's id: sub, or where there is none, id. A number is a whole
// one in plain digits, so that each user has one text only.
func userID(claims jwt.MapClaims) (string, error) {
	for _, name := range []string{"sub", "id"} {
		switch v := claims[name].(type) {
		case nil:
			continue
		case string:
			if !tidy(v) {
				return "", fmt.Errorf("%s is empty, longer than %d bytes or has characters that do not print", name,
					maxID)
			}
			return v, nil
		case json.Number:
			n, err := strconv.ParseUint(v.String(), 10, 64)
			if err != nil {
				return "", fmt.Errorf("%s is no whole number of 64 bits", name)
			}
			return strconv.FormatUint(n, 10), nil
		default:
			return "", fmt.Errorf("%s is neither text nor a number", name)
		}
	}
	return "", errors.New("no sub or id")
}

func tidy(s string) bool {
	return s != "" && len(s) <= maxID && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func missing() error {
	return Refuse(ReasonMissing, "Please sign in: send a token in the Authorization header.", nil)
}

func invalid(err error) error {
	return Refuse(ReasonInvalid, "The token is not valid. Please sign in again.", err)
}

// FromRequest returns the bearer token of the Authorization header, unchecked. A
// token in the URL is not looked for: URLs end up in logs and histories. The
// error is a *refusal.Error with a Reason.
func FromRequest(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", missing()
	}
	// A proxy and this program might each believe another one.
	if len(r.Header.Values("Authorization")) > 1 {
		return "", invalid(errors.New("more than one authorization"))
	}
	scheme, token, ok := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", invalid(errors.New("authorization is not Bearer"))
	}
	return token, nil
}

// Request checks the token of a request: FromRequest, then Verify.
func (v *Verifier) Request(r *http.Request) (Claims, error) {
	token, err := FromRequest(r)
	if err != nil {
		return Claims{}, err
	}
	return v.Verify(token)
}
