// Package postgres opens and migrates rollcall's database, and runs a private
// PostgreSQL server for those who have none.
package postgres

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// ErrNoBinaries says that the machine has no PostgreSQL, and how to get one.
var ErrNoBinaries = errors.New("no PostgreSQL binaries found (initdb, pg_ctl, postgres): " +
	"install them with `sudo apt-get install -y postgresql` on Debian and Ubuntu or `brew install postgresql@16` on macOS, " +
	"or give a server of your own with --database")

var needed = []string{"initdb", "pg_ctl", "postgres"}

// findBinaries returns the folder that holds PostgreSQL's programs: the one of
// the initdb on the PATH, else the newest of the places where packages put them.
func findBinaries() (string, error) {
	var dirs []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// A link stands alone; its target has the others beside it.
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			dirs = append(dirs, filepath.Dir(initdb))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if complete(dir) {
			return dir, nil
		}
	}
	return "", ErrNoBinaries
}

func complete(dir string) bool {
	for _, name := range needed {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// version is the number in a path such as /usr/lib/postgresql/15/bin, 0 if none.
func version(path string) int {
	digits := ""
	for _, r := range path {
		if r >= '0' && r <= '9' {
			digits += string(r)
		}
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
