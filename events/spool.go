package events

import (
	"errors"
	"fmt"
	"os"
)

// Spool opens a new file in dir and removes its name, so that no copy of anybody's
// data outlives the process, however it ends. dir "" means the system's temporary
// folder. The caller closes the file.
func OpenSpool(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "rollcall-*")
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), f.Close())
	}
	return f, nil
}

// Spool opens a nameless file in SpoolDir. The caller closes it.
func (s *Store) OpenSpool() (*os.File, error) { return OpenSpool(s.SpoolDir) }
