package events

import (
	"errors"
	"fmt"
	"os"
)

// OpenSpool opens a new file in dir and removes its name at once, so that no
// copy of personal data is left behind when the process dies. Dir "" means the
// temporary folder of the system. The caller closes the file.
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

// OpenSpool opens a file without a name in SpoolDir. The caller closes it.
func (s *Store) OpenSpool() (*os.File, error) { return OpenSpool(s.SpoolDir) }
