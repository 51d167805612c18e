package auth

import (
	"fmt"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
)

// Whose sub is an ID number is known by another id, which is written down everywhere.
func TestNoUserIsKnownByAnIDNumber(t *testing.T) {
	const secret = "a secret that has more than thirty-two bytes"
	v := verifier(t, Config{Secret: secret})
	for _, sub := range []any{"8001015009087", 8001015009087, "8001015009087@party.example"} {
		claims, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", good(set("sub", sub))))
		if err != nil {
			t.Fatal(err)
		}
		if want := events.UserID(fmt.Sprint(sub)); claims.ID != want || events.HasID(claims.ID) {
			t.Errorf("%v: known as %q, want %q", sub, claims.ID, want)
		}
	}
}
