package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Mint makes an HS256 token for a user, good from now for ttl.
func Mint(secret, userID, role string, ttl time.Duration, now time.Time) (string, error) {
	switch {
	case secret == "":
		return "", errors.New("make token: secret is empty")
	case !tidy(userID):
		return "",
			fmt.Errorf("make token: user id is empty, longer than %d bytes or has characters that do not print", maxID)
	case !tidy(role):
		return "", errors.New("make token: role is empty")
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
