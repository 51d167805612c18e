package postgres

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the server runs as. PostgreSQL refuses to run as root.
type account struct {
	// drop says that this process is root and the server must not be.
	drop     bool
	uid, gid uint32
	// closed is a folder above the server's own that is closed to it, as a
	// temporary folder of root's is: it needs a capability to pass. "" if none is.
	closed string
}

// serverAccount decides whom the server with its files in dir runs as.
func serverAccount(dir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	var u *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return account{}, fmt.Errorf("no unprivileged user to run PostgreSQL as: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	a := account{drop: true, uid: uint32(uid), gid: uint32(gid)}
	if a.closed, err = a.closedTo(dir); err != nil {
		return account{}, err
	}
	if a.closed != "" && !mayPass {
		return account{}, a.closedError()
	}
	return a, nil
}

func (a account) closedError() error {
	return fmt.Errorf("%s is closed to user %d, whom PostgreSQL runs as: open it with `chmod o+x %s` or choose another data folder",
		a.closed, a.uid, a.closed)
}

// closedTo returns the innermost folder above dir that the account may not pass.
func (a account) closedTo(dir string) (string, error) {
	for dir = filepath.Dir(dir); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return "", err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return "", fmt.Errorf("stat %s: no owner", dir)
		}
		mode := info.Mode().Perm()
		switch {
		case st.Uid == a.uid:
			ok = mode&0o100 != 0
		case st.Gid == a.gid:
			ok = mode&0o010 != 0
		default:
			ok = mode&0o001 != 0
		}
		if !ok {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

// own gives a folder to the account, and to nobody else.
func (a account) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return a.give(dir)
}

func (a account) give(path string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// ownAll gives files that changed hands back, as after a restore by root.
func (a account) ownAll(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || !a.drop {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == a.uid {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(a.uid), int(a.gid))
	})
}
