package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rollcall.example/events/embedded"
)

const (
	// natsFolder is the store of the embedded NATS server, in the data folder.
	natsFolder = "nats"
	// storeKeyFile holds its key, unless the environment does.
	storeKeyFile = "nats-store-key"
	// nextStoreKeyFile holds the key that EncryptStore changes it to, meanwhile.
	nextStoreKeyFile = "nats-store-key.next"
)

// storeKey returns the key of the embedded server's store: the given one, that of the
// data folder, or a new one for a store that has none. A store in the clear has "".
func (d *dataFolder) storeKey(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if _, err := os.Stat(d.join(storeKeyFile)); err == nil {
		return d.secret(storeKeyFile)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("key of the NATS store: %w", err)
	}
	// Only without streams is there nothing that another key was made for.
	if streams, err := filepath.Glob(d.join(natsFolder) + "/jetstream*/*/streams/*"); err != nil || len(streams) > 0 {
		return "", err
	}
	return d.secret(storeKeyFile)
}

// StoreEncryption says which store EncryptStore works on, and with which keys.
type StoreEncryption struct {
	// Data is the folder of up. Its store is nats/, and its key a file in there
	// unless Key is given.
	Data string
	// Store is the folder of a server of its own; with it Data is not looked at.
	Store string
	// NATSConf is a file; "" is the copy that is built in.
	NATSConf string
	// Key is the one of the store, or the one to encrypt it with. Next is the one to
	// change it to. "" takes those of the data folder.
	Key, Next string
	// Check looks only.
	Check bool
}

// EncryptStore encrypts the store of a NATS server that is in the clear, or changes the
// key of one that is encrypted, and says in words what it did. No server may run on it.
func EncryptStore(c StoreEncryption) (done string, err error) {
	cfg := embedded.Config{Dir: c.Store, StoreKey: c.Key}
	if c.NATSConf != "" {
		if cfg.Conf, err = os.ReadFile(c.NATSConf); err != nil {
			return "", fmt.Errorf("read nats.conf: %w", err)
		}
	}
	var dir *dataFolder
	if c.Store == "" {
		if _, err := os.Stat(c.Data); err != nil {
			return "", fmt.Errorf("encrypt store: %w", err)
		}
		if dir, err = openDataFolder(c.Data); err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, dir.close()) }()
		cfg.Dir = dir.join(natsFolder)
		if c.Key == "" && c.Check {
			text, err := os.ReadFile(dir.join(storeKeyFile))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("key of the NATS store: %w", err)
			}
			cfg.StoreKey = strings.TrimSpace(string(text))
		} else if c.Key == "" {
			if cfg.StoreKey, err = dir.secret(storeKeyFile); err != nil {
				return "", err
			}
		}
	}
	state, err := embedded.CheckStore(cfg.Dir, cfg.StoreKey)
	switch {
	case c.Check && err == nil && state == embedded.Plain:
		return "", fmt.Errorf("the streams in %s are in the clear: stop the server, and run rollcall encrypt without --check",
			cfg.Dir)
	case c.Check && err == nil && state == embedded.Empty:
		return fmt.Sprintf("%s has no streams yet: the key is long enough", cfg.Dir), nil
	case c.Check:
		return fmt.Sprintf("%s is encrypted, and this is its key", cfg.Dir), err
	case state == embedded.Encrypted:
		return changeStoreKey(cfg, dir, c)
	}
	// An encryption that was interrupted is an error of the check, and goes on here.
	if err := embedded.Encrypt(cfg); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is encrypted now", cfg.Dir), nil
}

// changeStoreKey gives an encrypted store the next key, and keeps that where the first
// one was kept.
func changeStoreKey(cfg embedded.Config, dir *dataFolder, c StoreEncryption) (string, error) {
	next, kept := c.Next, dir != nil && c.Key == ""
	if next == "" && !kept {
		return "", fmt.Errorf("encrypt store: %s is encrypted; to change its key set %s to the next one", cfg.Dir,
			NextStoreKeyVariable)
	}
	if kept {
		// The next key is on the disk before anything needs it.
		if next != "" {
			if err := os.WriteFile(dir.join(nextStoreKeyFile), []byte(next+"\n"), 0o600); err != nil {
				return "", fmt.Errorf("key of the NATS store: %w", err)
			}
		}
		var err error
		if next, err = dir.secret(nextStoreKeyFile); err != nil {
			return "", err
		}
	}
	n, err := embedded.ChangeStoreKey(cfg.Dir, cfg.StoreKey, next)
	if err != nil {
		return "", err
	}
	if kept {
		if err := os.Rename(dir.join(nextStoreKeyFile), dir.join(storeKeyFile)); err != nil {
			return "", fmt.Errorf("key of the NATS store: %w", err)
		}
	}
	return fmt.Sprintf("%s has another key now: %d files were sealed again", cfg.Dir, n), nil
}

// NextStoreKeyVariable names the variable with the key that a store is changed to.
const NextStoreKeyVariable = embedded.StoreKeyVariable + "_NEXT"
