package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// dataFolder is the folder in which `up` keeps everything that outlives it.
type dataFolder struct {
	path string
	lock *os.File
}

// openDataFolder makes the folder if need be and locks it for this process.
func openDataFolder(path string) (*dataFolder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	// The PostgreSQL inside may have to run as another user, so others may
	// pass through; what is secret in here is closed to them by itself.
	if err := os.MkdirAll(path, 0o711); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("data folder %s is in use by another rollcall: %w", path, err), lock.Close())
	}
	return &dataFolder{path: path, lock: lock}, nil
}

func (d *dataFolder) join(name string) string { return filepath.Join(d.path, name) }

// secret returns the named secret, made up when it is asked for first.
func (d *dataFolder) secret(name string) (string, error) {
	file := d.join(name)
	text, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read secret: %w", err)
	}
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	secret := hex.EncodeToString(b)
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write secret: %w", err)
	}
	return secret, nil
}

func (d *dataFolder) close() error { return d.lock.Close() }
