package auth

import "fmt"

const (
	// leastSecret is how many bytes a secret has at least: as many as the hash of HS256
	// (RFC 7518, 3.2).
	leastSecret = 32
	// leastDifferent is how many different bytes it has at least. A random one in
	// hexadecimal has nearly all of the 16 digits.
	leastDifferent = 8
)

// CheckSecret refuses a secret that can be guessed. The error goes on where it is named and
// does not hold the secret.
func CheckSecret(secret string) error {
	different := map[byte]bool{}
	for i := range len(secret) {
		different[secret[i]] = true
	}
	switch {
	case len(secret) < leastSecret:
		return fmt.Errorf("must have at least %d bytes, not %d; make one with: openssl rand -hex 32",
			leastSecret, len(secret))
	case len(different) < leastDifferent:
		return fmt.Errorf("must have at least %d different characters, not %d; make one with: openssl rand -hex 32",
			leastDifferent, len(different))
	}
	return nil
}
