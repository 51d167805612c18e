package local

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"rollcall.example/events/refusal"
)

const (
	leastPassword  = 15  // characters
	maxPassword    = 512 // bytes
	leastDifferent = 6   // characters

	// Of Argon2id, as OWASP has them: memory in KiB, passes, threads, bytes.
	hashMemory, hashTime, hashThreads = 47104, 1, 1
	saltBytes, keyBytes               = 16, 32
)

// checkPassword refuses a password that is easily guessed. What it must be made of is not
// prescribed: a sentence is good.
func checkPassword(password string) error {
	different := map[rune]bool{}
	for _, r := range password {
		different[r] = true
	}
	folded := strings.ToLower(password)
	contains := func(word string) bool { return strings.Contains(folded, word) }
	message := ""
	switch {
	case utf8.RuneCountInString(password) < leastPassword:
		message = fmt.Sprintf("The password needs at least %d characters: three or four words, for instance.", leastPassword)
	case len(password) > maxPassword:
		message = fmt.Sprintf("The password may have %d bytes at most.", maxPassword)
	case len(different) < leastDifferent:
		message = "The password has too few different characters."
	case slices.ContainsFunc([]string{"rollcall", "password", "123456", "qwerty"}, contains):
		message = "The password has something in it that is tried first. Take other words."
	default:
		return nil
	}
	return refusal.New(refusal.CodeBadRequest, message)
}

// hashed is a parsed hash.
type hashed struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

// makeHash returns the hash of a password, in the form of the reference implementation.
func makeHash(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	key := argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashThreads, keyBytes)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		b64(salt), b64(key))
}

func parseHash(text string) (h hashed, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errors.New("no hash of Argon2id")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, errors.New("no parameters of Argon2id")
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(salt) < saltBytes || len(key) < keyBytes ||
		h.memory > 1<<20 || h.time < 1 || h.time > 100 || h.threads < 1 {
		return h, errors.New("no usable hash of Argon2id")
	}
	h.salt, h.key = salt, key
	return h, nil
}

// hasPassword reports whether a hash is of this password.
func hasPassword(hash, password string) bool {
	h, err := parseHash(hash)
	if err != nil {
		return false
	}
	key := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}
