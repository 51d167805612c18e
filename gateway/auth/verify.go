package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/events/revocation"
)

// Reasons why a request is not authenticated. Clients rely on them.
const (
	ReasonMissing = "token_missing"
	ReasonExpired = "token_expired"
	ReasonInvalid = "token_invalid"
	ReasonRevoked = "token_revoked"
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

// Claims is what a valid token says.
type Claims struct {
	// User has the id and the role, each of 1 to 128 bytes of printable characters. The
	// role is as Config.ResolveRole names it.
	events.User
	// Expires is when the token expires, without any leeway.
	Expires time.Time
	// IssuedAt is when the token was made, zero where it does not say so.
	IssuedAt time.Time
	// TokenID is the token's jti, "" where it has none.
	TokenID string
	// Provinces, Municipalities and Wards are the codes of the claims that say where the
	// user works, as they stand there, each once; nil where there is no such claim.
	Provinces, Municipalities, Wards []string
	// Email is the address that the token has; "" where it has none that can be used: see
	// parseEmail.
	Email string
}

// Identify returns what the user may do by a policy.
func (c Claims) Identify(p *access.Policy) access.Principal {
	who := p.Identify(c.User, access.Places{Provinces: c.Provinces, Municipalities: c.Municipalities, Wards: c.Wards})
	who.Email = c.Email
	return who
}

const (
	// maxID bounds a user's id and role, which become part of headers and log lines.
	maxID = 128
	// maxToken bounds what is decoded for somebody unknown.
	maxToken = 16 << 10
)

// Verify checks a token: its signature and typ, exp (required), nbf and iat, issuer,
// audience and lifetime, that it has a user's id and a role, that the claims it may
// have can be read, and that it is not revoked. The error is a *refusal.Error with a
// Reason, or with the code unavailable where nobody knows what is revoked. Verify blocks
// only when keys come from a URL and the token names an unknown one, for up to 5 s.
func (v *Verifier) Verify(token string) (Claims, error) {
	if token == "" {
		return Claims{}, refuseMissing()
	}
	if len(token) > maxToken {
		return Claims{}, refuseInvalid(fmt.Errorf("longer than %d bytes", maxToken))
	}
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, claims, v.findKey); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return Claims{}, Refuse(ReasonExpired, "Your session has expired. Please sign in again.", stripToken(err))
		}
		return Claims{}, refuseInvalid(stripToken(err))
	}
	if err := v.rules.checkIssuer(claims); err != nil {
		return Claims{}, refuseInvalid(err)
	}
	id, err := v.parseUserID(claims)
	if err != nil {
		return Claims{}, refuseInvalid(err)
	}
	role, err := v.parseRole(claims)
	if err != nil {
		return Claims{}, refuseInvalid(err)
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return Claims{}, refuseInvalid(errors.New("no exp"))
	}
	c := Claims{User: events.User{ID: id, Role: role}, Expires: exp.Time}
	if err := v.addDetails(&c, claims); err != nil {
		return Claims{}, refuseInvalid(err)
	}
	if err := v.rules.checkLifetime(c, v.now()); err != nil {
		return Claims{}, err
	}
	if err := v.checkRevoked(c); err != nil {
		return Claims{}, err
	}
	return c, nil
}

// checkRevoked refuses a token that is revoked, or of which nobody knows whether it is.
func (v *Verifier) checkRevoked(c Claims) error {
	if v.revocations == nil {
		return nil
	}
	err := v.revocations.Check(c.ID, c.TokenID, c.IssuedAt)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, revocation.ErrRevoked):
		return Refuse(ReasonRevoked, "You have been signed out. Please sign in again.", err)
	}
	return &refusal.Error{Code: refusal.CodeUnavailable, RetryAfter: revocation.DefaultInterval, Err: err,
		Message: "Your token cannot be checked at the moment. Please try again."}
}

// Revoked reports whether a token that was good has been revoked since.
func (v *Verifier) Revoked(c Claims) bool { return Reason(v.checkRevoked(c)) == ReasonRevoked }

// OnRevocation has f called after each change that revokes tokens. f must not wait.
func (v *Verifier) OnRevocation(f func()) {
	if v.revocations != nil {
		v.revocations.OnChange(f)
	}
}

// addDetails reads the claims that a token may have.
func (v *Verifier) addDetails(c *Claims, claims jwt.MapClaims) (err error) {
	iat, err := claims.GetIssuedAt()
	if err != nil {
		return errors.New("iat is not a number")
	}
	if iat != nil {
		c.IssuedAt = iat.Time
	}
	if c.TokenID, err = parseTokenID(claims["jti"]); err != nil {
		return err
	}
	c.Email = parseEmail(claims)
	for _, place := range []struct {
		claim string
		codes *[]string
	}{
		{v.places.Province, &c.Provinces},
		{v.places.Municipality, &c.Municipalities},
		{v.places.Ward, &c.Wards},
	} {
		if *place.codes, err = parseCodes(findClaim(claims, place.claim)); err != nil {
			return fmt.Errorf("%s %w", place.claim, err)
		}
	}
	return nil
}

// findKey returns the key that a token must be signed with. It refuses a token of another
// type. One with critical extensions must be refused by whoever does not know them (RFC
// 7515, 4.1.11).
func (v *Verifier) findKey(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errors.New("critical extensions")
	}
	if err := v.rules.checkType(t.Header); err != nil {
		return nil, err
	}
	return v.keys(t)
}

// stripToken returns the kind of an error without its text, for some of the library's
// errors quote the token.
func stripToken(err error) error {
	for _, known := range []error{
		jwt.ErrTokenExpired, jwt.ErrTokenMalformed, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenRequiredClaimMissing,
		jwt.ErrTokenNotValidYet, jwt.ErrTokenUsedBeforeIssued,
		errType, jwt.ErrTokenInvalidAudience, jwt.ErrTokenUnverifiable,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("token refused")
}

// isTidy reports whether a text is fit to be an id or a role.
func isTidy(s string) bool {
	return s != "" && len(s) <= maxID && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func refuseMissing() error {
	return Refuse(ReasonMissing, "Please sign in: send a token in the Authorization header.", nil)
}

func refuseInvalid(err error) error {
	return Refuse(ReasonInvalid, "The token is not valid. Please sign in again.", err)
}

// TokenFromRequest returns the bearer token of the Authorization header, unchecked. It does
// not look into the URL, for URLs end up in logs and histories. The error is a
// *refusal.Error with a Reason.
func TokenFromRequest(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", refuseMissing()
	}
	// A proxy and this program might each use another one.
	if len(r.Header.Values("Authorization")) > 1 {
		return "", refuseInvalid(errors.New("more than one authorization"))
	}
	scheme, token, ok := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", refuseInvalid(errors.New("authorization is not Bearer"))
	}
	return token, nil
}

// VerifyRequest checks the token of a request: TokenFromRequest, then Verify.
func (v *Verifier) VerifyRequest(r *http.Request) (Claims, error) {
	token, err := TokenFromRequest(r)
	if err != nil {
		return Claims{}, err
	}
	return v.Verify(token)
}
