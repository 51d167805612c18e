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

// ErrInUse says that another process runs a server in the folder.
var ErrInUse = errors.New("the folder is in use by another process")

// enter takes the folder for this process, until leave or the process's end.
// Whatever server is found in it then is known to be an orphan.
func (s *Server) enter(dir string) (err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	// The server's user has to pass through; what is secret inside is closed by itself.
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

// leave gives back what is not data: the socket's folder and the lock.
func (s *Server) leave() error {
	var err error
	if s.sock != "" {
		err = os.RemoveAll(s.sock)
	}
	if s.lock != nil {
		if closed := s.lock.Close(); !errors.Is(closed, os.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}
	return err
}

// initialize makes the cluster once. It gets its name only when it is complete
// and its password is on the disk: a cluster of that name is never made anew,
// whatever else is missing.
func (s *Server) initialize(ctx context.Context) error {
	file := filepath.Join(s.dir, "password")
	_, err := os.Stat(s.data())
	switch {
	case err == nil:
		password, err := os.ReadFile(file)
		if s.password = string(bytes.TrimSpace(password)); err == nil && s.password == "" {
			err = fmt.Errorf("%s is empty", file)
		}
		if err != nil {
			return fmt.Errorf("read the password of the existing database: %w", err)
		}
		return s.account.ownAll(s.data())
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	unfinished := filepath.Join(s.dir, "data.new")
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := s.account.own(unfinished); err != nil {
		return err
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	s.password = hex.EncodeToString(b)
	if err := writeSynced(file, s.password+"\n"); err != nil {
		return err
	}
	if err := s.account.give(file); err != nil { // initdb reads it
		return err
	}
	out, err := s.run(ctx, "initdb", "-D", unfinished, "-U", superuser, "--pwfile="+file,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums")
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, tail(out))
	}
	if err := os.Rename(unfinished, s.data()); err != nil {
		return err
	}
	return syncFolder(s.dir)
}

// makeSocketFolder also removes the one of an earlier run that was killed. A
// socket's path has room for about a hundred characters, so it cannot lie in
// the data folder. Root has to get through to a server of another user, which
// peer authentication would refuse: so the folder is closed to all but that
// user and root, and who gets through needs the password, that only they can read.
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
	s.sock = sock
	if err := s.account.own(sock); err != nil {
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
