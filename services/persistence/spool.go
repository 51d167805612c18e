package persistence

import (
	"fmt"
	"os"
)

// spoolMemory is how many bytes a spool keeps before it writes them to a file.
const spoolMemory = 8 << 20

// spool keeps the lines of a job's people until it is known where they go. What is too
// much for the memory goes to a file without a name.
type spool struct {
	open    func() (*os.File, error)
	file    *os.File // nil until it is needed
	written int64    // bytes of file
	tail    []byte   // what comes after them
}

// end returns where the next byte goes.
func (s *spool) end() int64 { return s.written + int64(len(s.tail)) }

// flush writes the tail to the file if it is large.
func (s *spool) flush() (err error) {
	if len(s.tail) < spoolMemory {
		return nil
	}
	if s.file == nil {
		if s.file, err = s.open(); err != nil {
			return err
		}
	}
	n, err := s.file.Write(s.tail)
	if err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	s.written += int64(n)
	s.tail = s.tail[:0]
	return nil
}

// appendTo appends size bytes from offset at on to b.
func (s *spool) appendTo(b []byte, at int64, size int) ([]byte, error) {
	if at >= s.written {
		from := int(at - s.written)
		return append(b, s.tail[from:from+size]...), nil
	}
	// A line is never divided: all of the tail is written at once.
	was := len(b)
	b = append(b, make([]byte, size)...)
	if _, err := s.file.ReadAt(b[was:], at); err != nil {
		return nil, fmt.Errorf("read spooled rows: %w", err)
	}
	return b, nil
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
