package workbook

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"rollcall.example/events"
)

const (
	// maxStringMemory is how much memory the shared strings may take, in bytes.
	// Further ones go to disk.
	maxStringMemory = 32 << 20
	// stringHeader is what a string takes in memory beside its text.
	stringHeader = 16
	// spillWindow is how much is read from disk at once: cells ask for strings in
	// about the order in which the file has them.
	spillWindow = 64 << 10
)

// sharedStrings are the texts that cells name by number. They are read only as far
// as somebody asks, for the first rows need the first texts only.
type sharedStrings struct {
	part  *zip.File // nil where the workbook has none
	rc    io.ReadCloser
	x     *xmlScanner
	ended bool

	texts  []string
	arena  arena
	memory int
	limit  int
	// spill holds the texts beyond the limit: text i runs from ends[i] to
	// ends[i+1].
	spill  *os.File
	writer *bufio.Writer
	ends   []int64
	window []byte
	from   int64 // offset of window in the file

	scratch []byte
}

// get returns text n.
func (s *sharedStrings) get(n int) (string, error) {
	if n >= s.count() {
		if err := s.readUpTo(n); err != nil {
			return "", unreadable(fmt.Errorf("shared strings: %w", err))
		}
	}
	if n < len(s.texts) {
		return s.texts[n], nil
	}
	return s.readSpilled(n - len(s.texts))
}

// readUpTo reads as far as text n. Once texts go to disk it reads further, up to a
// window: written and read one by one they would each cost a system call.
func (s *sharedStrings) readUpTo(n int) error {
	for n >= s.count() || s.spill != nil && s.ends[len(s.ends)-1]-s.ends[max(n-len(s.texts), 0)] < spillWindow {
		more, err := s.readNext()
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if n >= s.count() {
		return errors.New("a cell names a shared string that does not exist")
	}
	return nil
}

func (s *sharedStrings) count() int {
	return len(s.texts) + max(len(s.ends)-1, 0)
}

// readNext reads the next text; false means that there is none.
func (s *sharedStrings) readNext() (bool, error) {
	if s.part == nil || s.ended {
		return false, nil
	}
	if s.x == nil {
		var err error
		if s.rc, err = s.part.Open(); err != nil {
			return false, err
		}
		s.x = newXMLScanner(s.rc)
	}
	for {
		t, err := s.x.next()
		switch {
		case err != nil:
			return false, err
		case t == tokenEnd:
			s.ended = true
			return false, nil
		case t == tokenOpen && string(s.x.name) == "si":
			if s.scratch, err = s.x.appendRichText(s.scratch[:0]); err != nil {
				return false, err
			}
			s.scratch = unescape(s.scratch)
			return true, s.store(s.scratch)
		}
	}
}

// store keeps the next text, in memory or on disk.
func (s *sharedStrings) store(text []byte) error {
	limit := s.limit
	if limit == 0 {
		limit = maxStringMemory
	}
	if s.spill == nil && s.memory+len(text)+stringHeader <= limit {
		s.memory += len(text) + stringHeader
		s.texts = append(s.texts, s.arena.add(text))
		return nil
	}
	if s.spill == nil {
		file, err := events.OpenSpool("")
		if err != nil {
			return fmt.Errorf("spill: %w", err)
		}
		s.spill, s.writer, s.ends = file, bufio.NewWriterSize(file, spillWindow), []int64{0}
	}
	if _, err := s.writer.Write(text); err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	s.ends = append(s.ends, s.ends[len(s.ends)-1]+int64(len(text)))
	return nil
}

// readSpilled returns text i of those on disk.
func (s *sharedStrings) readSpilled(i int) (string, error) {
	from, to := s.ends[i], s.ends[i+1]
	if from < s.from || to > s.from+int64(len(s.window)) {
		if err := s.writer.Flush(); err != nil {
			return "", fmt.Errorf("spill: %w", err)
		}
		size := max(spillWindow, int(to-from))
		if cap(s.window) < size {
			s.window = make([]byte, size)
		}
		n, err := s.spill.ReadAt(s.window[:size], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("spill: %w", err)
		}
		s.window, s.from = s.window[:n], from
	}
	return string(s.window[from-s.from : to-s.from]), nil
}

func (s *sharedStrings) close() error {
	var err error
	if s.rc != nil {
		err = s.rc.Close()
	}
	if s.spill != nil {
		err = errors.Join(err, s.spill.Close())
	}
	return err
}
