package auth

import (
	"net/mail"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
)

// maxEmail is how long an address may be (RFC 5321, 4.5.3.1.3).
const maxEmail = 254

// parseEmail returns the address of the claims email and email_verified of OpenID Connect.
// It is "" for one that the provider says is not confirmed, that would not be one address
// as it stands in a message, or that has an ID number in it. None of that makes a token
// bad: an address opens nothing.
func parseEmail(claims jwt.MapClaims) string {
	email, _ := claims["email"].(string)
	if verified, said := claims["email_verified"]; said && verified != true && verified != "true" {
		return ""
	}
	address, err := mail.ParseAddress(email)
	plain := err == nil && address.Address == email && len(email) <= maxEmail && isASCII(email)
	if !plain || events.HasID(email) {
		return ""
	}
	return email
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
