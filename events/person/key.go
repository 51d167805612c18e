// Package person names people without their ID numbers: by keyed hashes, which say
// that two records are about the same person and not who that is. It keeps the list
// of those who have objected to being on a roll.
package person

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// LeastSecret is how many bytes the secret of a key must have. ID numbers are so few
// that everybody can try them all; only the secret keeps a hash from being one.
const LeastSecret = 32

// Key hashes ID numbers and seals what must be kept of a person for a while. All
// services of an installation need the same. Use NewKey.
type Key struct {
	hash []byte
	seal cipher.AEAD
}

// NewKey returns the key of a secret. The error does not quote it.
func NewKey(secret string) (*Key, error) {
	if len(secret) < LeastSecret {
		return nil, fmt.Errorf("privacy key: it must have at least %d bytes, not %d", LeastSecret, len(secret))
	}
	hash, err := hkdf.Key(sha256.New, []byte(secret), nil, "rollcall: who a person is", 32)
	if err != nil {
		return nil, fmt.Errorf("privacy key: %w", err)
	}
	sealing, err := hkdf.Key(sha256.New, []byte(secret), nil, "rollcall: what is kept of a person", 32)
	if err != nil {
		return nil, fmt.Errorf("privacy key: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, fmt.Errorf("privacy key: %w", err)
	}
	k := &Key{hash: hash}
	if k.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("privacy key: %w", err)
	}
	return k, nil
}

// hashBytes is how much of the HMAC names a person. No two of ten million people
// share it.
const hashBytes = 16

// Hash returns what stands for an ID number in events and lists: 22 characters of
// base64 that are one NATS token.
func (k *Key) Hash(id string) string {
	mac := hmac.New(sha256.New, k.hash)
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:hashBytes])
}

// Seal encrypts data that is stored under a name.
func (k *Key) Seal(name string, plain []byte) []byte {
	return k.seal.Seal(nil, nil, plain, []byte(name))
}

// ErrSealed means that data was sealed with another key or under another name, or was
// altered.
var ErrSealed = errors.New("sealed with another key, or altered")

// Open decrypts what Seal has encrypted under the same name.
func (k *Key) Open(name string, sealed []byte) ([]byte, error) {
	plain, err := k.seal.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// NewSecret returns a random secret for a key.
func NewSecret() string { return rand.Text() + rand.Text() }
