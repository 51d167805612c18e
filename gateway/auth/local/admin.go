// Package local signs in the one administrator of an installation that has no OpenID
// provider: with a password that is set once, by whoever has the link of the terminal.
package local

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rollcall.example/events/refusal"
)

// User is the id of the administrator.
const User = "admin"

// setupTime is how long the code for setting the password is good for.
const setupTime = time.Hour

// Config says where the password is kept, and what it opens.
type Config struct {
	// File has the hash of the password; it is made when one is set. Required.
	File string
	// Sign makes a token of the administrator. Required.
	Sign func() (string, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Admin is the administrator. It is safe for concurrent use.
type Admin struct {
	cfg     Config
	limits  *limits
	hashing sync.Mutex // one at a time, for each takes much memory

	mu    sync.Mutex
	hash  string // "" until a password is set
	code  string // for setting it; "" once it is used
	until time.Time
}

// Open reads the hash of the password. Without one, Code is good for an hour.
func Open(cfg Config) (*Admin, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &Admin{cfg: cfg, limits: newLimits(cfg.Now)}
	text, err := os.ReadFile(cfg.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		a.code, a.until = rand.Text(), cfg.Now().Add(setupTime)
		return a, nil
	case err != nil:
		return nil, fmt.Errorf("read password of %s: %w", User, err)
	}
	a.hash = strings.TrimSpace(string(text))
	if _, err := parseHash(a.hash); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to set the password again", cfg.File, err)
	}
	return a, nil
}

// Code is what sets the password, once and within an hour; "" when there is a password.
func (a *Admin) Code() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.code
}

// HasPassword reports whether a password is set.
func (a *Admin) HasPassword() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hash != ""
}

// SetPassword sets the password for whoever has the code, and signs them in. address is
// where the request came from. The error is a refusal, but for failures.
func (a *Admin) SetPassword(address, code, password string) (token string, err error) {
	if err := a.limits.attempt(address); err != nil {
		return "", err
	}
	if err := a.checkCode(code); err != nil {
		return "", err
	}
	if err := checkPassword(password); err != nil {
		return "", err
	}
	a.hashing.Lock()
	defer a.hashing.Unlock()
	if err := a.checkCode(code); err != nil { // it may have been used meanwhile
		return "", err
	}
	hash := makeHash(password)
	if err := writeOnce(a.cfg.File, hash+"\n"); err != nil {
		return "", fmt.Errorf("keep password: %w", err)
	}
	a.mu.Lock()
	a.hash, a.code = hash, ""
	a.mu.Unlock()
	return a.cfg.Sign()
}

// checkCode refuses a code that is not the right one, or is too old.
func (a *Admin) checkCode(code string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	right := a.code != "" && subtle.ConstantTimeCompare([]byte(code), []byte(a.code)) == 1
	if !right || a.cfg.Now().After(a.until) {
		return refuse("This link is no longer good. Start rollcall again for a new one, if no password is set yet.")
	}
	return nil
}

// SignIn returns a token for whoever has the password. address is where the request came
// from. The error is a refusal, but for failures.
func (a *Admin) SignIn(address, password string) (token string, err error) {
	if err := a.limits.attempt(address); err != nil {
		return "", err
	}
	a.mu.Lock()
	hash := a.hash
	a.mu.Unlock()
	a.hashing.Lock()
	right := hash != "" && len(password) <= maxPassword && hasPassword(hash, password)
	a.hashing.Unlock()
	if !right {
		return "", refuse("This password is not right.")
	}
	return a.cfg.Sign()
}

func refuse(message string) error {
	return &refusal.Error{Code: refusal.CodeUnauthenticated, Message: message,
		Details: map[string]any{"reason": "token_missing"}}
}

// writeOnce makes a file that is the user's alone, as a whole and on the disk. It fails
// when there is one.
func writeOnce(name, text string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".password-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), name) // unlike a rename, it replaces nothing
}
