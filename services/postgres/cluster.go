package postgres

import (
	"bytes"
	"context"
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

// ErrInUse means that another process runs a server in the folder.
var ErrInUse = errors.New("the folder is in use by another process")

// lockFolder locks the folder for this process until release or the process's end.
// A server that still runs in it is then an orphan.
func (s *Server) lockFolder(dir string) (err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	// The server's user has to enter it; secret files inside have modes of their own.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	if s.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		err = fmt.Errorf("lock %s: %w", s.dir, errors.Join(err, s.lock.Close()))
		s.lock = nil
		return err
	}
	return nil
}

// release removes the socket's folder and unlocks the data folder.
func (s *Server) release() error {
	var err error
	if s.socketDir != "" {
		err = os.RemoveAll(s.socketDir)
	}
	if s.lock != nil {
		if closed := s.lock.Close(); !errors.Is(closed, os.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}
	return err
}

// initCluster makes the cluster if there is none. It gives the cluster its name only
// when it is complete and its password is on disk. It never replaces a cluster of
// that name, whatever else is missing.
func (s *Server) initCluster(ctx context.Context) error {
	file := filepath.Join(s.dir, "password")
	_, err := os.Stat(s.dataDir())
	switch {
	case err == nil:
		password, err := os.ReadFile(file)
		if s.password = string(bytes.TrimSpace(password)); err == nil && s.password == "" {
			err = fmt.Errorf("%s is empty", file)
		}
		if err != nil {
			return fmt.Errorf("read password of the existing database: %w", err)
		}
		return s.account.chownAll(s.dataDir())
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	unfinished := filepath.Join(s.dir, "data.new")
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := s.account.makeFolder(unfinished); err != nil {
		return err
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails; crypto/rand ends the process instead
	s.password = hex.EncodeToString(b)
	if err := writeSynced(file, s.password+"\n"); err != nil {
		return err
	}
	if err := s.account.chown(file); err != nil { // initdb reads it
		return err
	}
	out, err := s.run(ctx, "initdb", "-D", unfinished, "-U", superuser, "--pwfile="+file,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums")
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(out))
	}
	if err := os.Rename(unfinished, s.dataDir()); err != nil {
		return err
	}
	return syncFolder(s.dir)
}

// makeSocketFolder makes the folder of the server's socket, and removes that of an
// earlier run that was killed. A socket's path is limited to about a hundred
// characters, so the folder cannot lie in the data folder. Only the server's user
// and root may enter it. Root connects to another user's server, which peer
// authentication would refuse, so clients need the password as well.
func (s *Server) makeSocketFolder() error {
	const parent, prefix = "/tmp", "rollcall-pg-"
	note := filepath.Join(s.dir, "socket")
	if earlier, err := os.ReadFile(note); err == nil {
		old := strings.TrimSpace(string(earlier))
		if filepath.Dir(old) == parent && strings.HasPrefix(filepath.Base(old), prefix) {
			if err := os.RemoveAll(old); err != nil {
				return err
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sock, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return err
	}
	s.socketDir = sock
	if err := s.account.makeFolder(sock); err != nil {
		return err
	}
	return os.WriteFile(note, []byte(sock+"\n"), 0o600)
}

func writeSynced(name, text string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
