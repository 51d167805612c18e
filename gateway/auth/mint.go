package auth

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
)

// Grant is what a token is to say.
type Grant struct {
	events.User
	// TTL is how long the token is good for, from now; more than 0.
	TTL time.Duration
	// TokenID is the jti; "" means a random one.
	TokenID string
	// Provinces, Municipalities and Wards are where the user works; nil writes no claim.
	// Places are the names of these claims.
	Provinces, Municipalities, Wards []string
	Places                           PlaceClaims
	// Email is the address; "" writes no claim.
	Email string
	// UserClaim and RoleClaim name the claims of the id and the role; "" means sub and
	// role_name.
	UserClaim, RoleClaim string
	// Issuer and Audience are iss and aud; empty ones write no claim.
	Issuer   string
	Audience []string
}

// Mint makes an HS256 token for a user, valid from now for ttl. It refuses what Sign
// refuses.
func Mint(secret, userID, role string, ttl time.Duration, now time.Time) (string, error) {
	return Grant{User: events.User{ID: userID, Role: role}, TTL: ttl}.Sign(secret, now)
}

// Sign makes an HS256 token that is valid from now on. It refuses an id, role, code or
// secret that Verify would refuse.
func (g Grant) Sign(secret string, now time.Time) (string, error) {
	g.TokenID = cmp.Or(g.TokenID, rand.Text())
	if err := g.validate(secret); err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	claims := jwt.MapClaims{
		cmp.Or(g.UserClaim, DefaultUserClaims[0]): g.ID, cmp.Or(g.RoleClaim, DefaultRoleClaims[0]): g.Role,
		"jti": g.TokenID, "iat": now.Unix(), "exp": now.Add(g.TTL).Unix(),
	}
	if g.Issuer != "" {
		claims["iss"] = g.Issuer
	}
	if g.Email != "" {
		claims["email"] = g.Email
	}
	for name, list := range map[string][]string{
		"aud":                                g.Audience,
		g.Places.withDefaults().Province:     g.Provinces,
		g.Places.withDefaults().Municipality: g.Municipalities,
		g.Places.withDefaults().Ward:         g.Wards,
	} {
		if len(list) > 0 {
			claims[name] = list
		}
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	return token, nil
}

func (g Grant) validate(secret string) error {
	if err := CheckSecret(secret); err != nil {
		return fmt.Errorf("secret %w", err)
	}
	if g.TTL <= 0 {
		return fmt.Errorf("lifetime %s is not positive", g.TTL)
	}
	for what, texts := range map[string][]string{
		"user id": {g.ID}, "role": {g.Role}, "token id": {g.TokenID},
		"province": g.Provinces, "municipality": g.Municipalities, "ward": g.Wards,
	} {
		for _, text := range texts {
			if !isTidy(text) {
				return fmt.Errorf("%s is empty, longer than %d bytes or has unprintable characters", what, maxID)
			}
		}
	}
	return nil
}
