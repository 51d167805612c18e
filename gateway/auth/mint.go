package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Mint makes an HS256 token for a user, valid from now for ttl. It refuses an id, role or
// secret that Verify would refuse.
func Mint(secret, userID, role string, ttl time.Duration, now time.Time) (string, error) {
	switch {
	case secret == "":
		return "", errors.New("make token: secret is empty")
	case !isTidy(userID):
		return "", fmt.Errorf("make token: user id is empty, longer than %d bytes or has unprintable characters", maxID)
	case !isTidy(role):
		return "", fmt.Errorf("make token: role is empty, longer than %d bytes or has unprintable characters", maxID)
	case ttl <= 0:
		return "", fmt.Errorf("make token: lifetime %s is not positive", ttl)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": userID, "role_name": role, "iat": now.Unix(), "exp": now.Add(ttl).Unix(),
	}).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	return token, nil
}
