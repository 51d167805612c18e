// Package postgres opens and migrates rollcall's database, and runs a private
// PostgreSQL server for those who have none.
package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// ErrNoBinaries says that the machine has no PostgreSQL, and how to get one.
var ErrNoBinaries = errors.New("no PostgreSQL binaries found (initdb, postgres): " +
	"install them with `sudo apt-get install -y postgresql` on Debian and Ubuntu or `brew install postgresql@16` on macOS, " +
	"or give a server of your own with --database")

var digits = regexp.MustCompile(`[0-9]+`)

var needed = []string{"initdb", "postgres"}

// binaries returns the folder that holds PostgreSQL's programs: the given one,
// else that of the initdb on the PATH, else the newest of those where packages
// put them.
func binaries(given string) (string, error) {
	if given != "" {
		dir, err := filepath.Abs(given)
		if err == nil && !complete(dir) {
			err = fmt.Errorf("%s: %w", dir, ErrNoBinaries)
		}
		return dir, err
	}
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

// version is the major version in a path such as /usr/lib/postgresql/15/bin, 0
// if it has none.
func version(path string) int {
	n, err := strconv.Atoi(digits.FindString(path))
	if err != nil {
		return 0
	}
	return n
}
