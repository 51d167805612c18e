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

// ErrNoBinaries means that the machine has no PostgreSQL. It says how to install one.
var ErrNoBinaries = errors.New("no PostgreSQL binaries found (initdb, postgres): " +
	"install them with `sudo apt-get install -y postgresql` on Debian and Ubuntu " +
	"or `brew install postgresql@16` on macOS, " +
	"or give a server of your own with --database")

var digits = regexp.MustCompile(`[0-9]+`)

var requiredPrograms = []string{"initdb", "postgres"}

// findBinaries returns the folder of PostgreSQL's programs: the given one, else
// that of initdb on the PATH, else the newest folder that a package installs.
func findBinaries(given string) (string, error) {
	if given != "" {
		dir, err := filepath.Abs(given)
		if err == nil && !hasPrograms(dir) {
			err = fmt.Errorf("%s: %w", dir, ErrNoBinaries)
		}
		return dir, err
	}
	var dirs []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// A link may stand alone. Its target has the other programs beside it.
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
		slices.SortFunc(found, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if hasPrograms(dir) {
			return dir, nil
		}
	}
	return "", ErrNoBinaries
}

func hasPrograms(dir string) bool {
	for _, name := range requiredPrograms {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// majorVersion returns the major version in a path such as
// /usr/lib/postgresql/15/bin, 0 for none.
func majorVersion(path string) int {
	n, err := strconv.Atoi(digits.FindString(path))
	if err != nil {
		return 0
	}
	return n
}
