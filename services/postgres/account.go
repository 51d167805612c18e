package postgres

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the server runs as. PostgreSQL refuses to run as root.
type account struct {
	// drop is true if this process is root and the server needs another user.
	drop     bool
	uid, gid uint32
	// closedDir is a folder above the server's own that its user may not enter, for
	// instance a temporary folder of root. The server needs a capability to pass it.
	// "" means that there is none.
	closedDir string
}

// serverAccount chooses the user for the server with its files in dir.
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
		return account{}, fmt.Errorf("find an unprivileged user for PostgreSQL: %w", err)
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
	if a.closedDir, err = a.findClosedFolder(dir); err != nil {
		return account{}, err
	}
	if a.closedDir != "" && !canPassClosedFolders {
		return account{}, a.closedError()
	}
	return a, nil
}

func (a account) closedError() error {
	return fmt.Errorf("PostgreSQL runs as user %d, who may not enter %s: "+
		"open it with `chmod o+x %s` or choose another data folder", a.uid, a.closedDir, a.closedDir)
}

// findClosedFolder returns the innermost folder above dir that the account may not
// enter, "" for none.
func (a account) findClosedFolder(dir string) (string, error) {
	for dir = filepath.Dir(dir); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return "", err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return "", fmt.Errorf("stat %s: the system reports no owner", dir)
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

// makeFolder makes a folder that only the account may use.
func (a account) makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return a.chown(dir)
}

func (a account) chown(path string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// chownAll gives all files in dir back to the account if dir has another owner, for
// instance after a restore by root.
func (a account) chownAll(dir string) error {
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
