// Package login signs somebody in from a terminal, with the device flow of an OpenID
// provider (RFC 8628), and keeps the tokens in a file that nobody else can read.
package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrNone is the error when nobody has signed in to a server.
var ErrNone = errors.New("nobody has signed in; rollcall login does")

// Entry is what is kept of one server.
type Entry struct {
	// Token is sent to the server.
	Token string `json:"token"`
	// Refresh renews it at the provider; "" where it gave none.
	Refresh string `json:"refresh_token,omitempty"`
	// Issuer and Client are the provider and the client there. Kind is which token is sent:
	// provider.TokenID or provider.TokenAccess.
	Issuer string `json:"issuer,omitempty"`
	Client string `json:"client_id,omitempty"`
	Kind   string `json:"kind,omitempty"`
}

// Store is a file of entries, by server.
type Store struct{ path string }

// Open returns the store in a file; "" is credentials.json in the user's folder for
// settings of programs. The file need not be there yet.
func Open(path string) (Store, error) {
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return Store{}, fmt.Errorf("find the file of credentials: %w", err)
		}
		path = filepath.Join(dir, "rollcall", "credentials.json")
	}
	return Store{path}, nil
}

// Get returns the entry of a server. Without one the error is ErrNone. A file that others
// can read or write is refused: whoever wrote it could have tokens sent anywhere.
func (s Store) Get(server string) (Entry, error) {
	all, err := s.read()
	if err != nil {
		return Entry{}, err
	}
	e, ok := all[key(server)]
	if !ok {
		return Entry{}, ErrNone
	}
	return e, nil
}

// Put keeps the entry of a server.
func (s Store) Put(server string, e Entry) error {
	return s.locked(func() error { return s.change(server, &e) })
}

// Remove forgets a server. Without an entry the error is ErrNone.
func (s Store) Remove(server string) error {
	return s.locked(func() error {
		if _, err := s.Get(server); err != nil {
			return err
		}
		return s.change(server, nil)
	})
}

// key is the same for all spellings of a server's address.
func key(server string) string { return strings.TrimRight(strings.ToLower(server), "/") }

func (s Store) read() (map[string]Entry, error) {
	all := map[string]Entry{}
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read credentials: others can read or write %s: chmod 600 it, or sign in again", s.path)
	}
	if err := json.NewDecoder(f).Decode(&all); err != nil {
		return nil, fmt.Errorf("read credentials: %s: %w", s.path, err)
	}
	return all, nil
}

// change writes the file anew, with e for a server, or without the server.
func (s Store) change(server string, e *Entry) (err error) {
	all, err := s.read()
	if err != nil {
		return err
	}
	if delete(all, key(server)); e != nil {
		all[key(server)] = *e
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	// A file that is made here is only the user's (0600), and replaces the other as a whole.
	f, err := os.CreateTemp(filepath.Dir(s.path), ".credentials-*")
	if err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		return fmt.Errorf("write credentials: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// locked keeps other processes from changing the file meanwhile. Two of them that renew at
// once would use one refresh token twice, which a provider takes for theft.
func (s Store) locked(do func() error) (err error) {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("lock credentials: %w", err)
	}
	lock, err := os.OpenFile(s.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock credentials: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock credentials: %w", err)
	}
	return do()
}
