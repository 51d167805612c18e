package workbook

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"rollcall.example/events"
)

const (
	// maxStringMemory is how much memory the shared strings may take, in bytes,
	// before further ones are kept on disk.
	maxStringMemory = 32 << 20
	// stringHeader is what a string takes beside its text.
	stringHeader = 16
	// spillWindow is how much is read from the disk at once: strings are asked
	// for in about the order in which they stand there.
	spillWindow = 64 << 10
)

// sharedStrings are the texts that cells name by their number. They are read as
// far as somebody asks, for the first rows need the first ones only.
type sharedStrings struct {
	part  *zip.File // nil where the workbook has none
	rc    io.ReadCloser
	x     *scanner
	ended bool

	texts  []string
	arena  arena
	memory int
	limit  int
	// spill holds the texts beyond the limit: the ith from ends[i] to ends[i+1].
	spill  *os.File
	writer *bufio.Writer
	ends   []int64
	window []byte
	from   int64 // of window in the file

	scratch []byte
}

// get is the nth text.
func (s *sharedStrings) get(n int) (string, error) {
	if n >= s.count() {
		if err := s.reach(n); err != nil {
			return "", unreadable(fmt.Errorf("shared strings: %w", err))
		}
	}
	if n < len(s.texts) {
		return s.texts[n], nil
	}
	return s.spilled(n - len(s.texts))
}

// reach reads as far as the nth text, and further where texts go to the disk: one
// by one each would be written and read by itself.
func (s *sharedStrings) reach(n int) error {
	for n >= s.count() || s.spill != nil && s.ends[len(s.ends)-1]-s.ends[max(n-len(s.texts), 0)] < spillWindow {
		more, err := s.more()
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if n >= s.count() {
		return errors.New("a shared string that does not exist")
	}
	return nil
}

func (s *sharedStrings) count() int {
	return len(s.texts) + max(len(s.ends)-1, 0)
}

// more reads the next text; false says that there is none.
func (s *sharedStrings) more() (bool, error) {
	if s.part == nil || s.ended {
		return false, nil
	}
	if s.x == nil {
		var err error
		if s.rc, err = s.part.Open(); err != nil {
			return false, err
		}
		s.x = newScanner(s.rc)
	}
	for {
		t, err := s.x.next()
		switch {
		case err != nil:
			return false, err
		case t == atEnd:
			s.ended = true
			return false, nil
		case t == opens && string(s.x.name) == "si":
			if s.scratch, err = s.x.rich(s.scratch[:0]); err != nil {
				return false, err
			}
			s.scratch = unescape(s.scratch)
			return true, s.keep(s.scratch)
		}
	}
}

func (s *sharedStrings) keep(text []byte) error {
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
		file, err := events.Spool("")
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

func (s *sharedStrings) spilled(i int) (string, error) {
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

// rich appends the text of a <si> or <is> that was just opened: its own and that
// of its runs, without how it is pronounced.
func (x *scanner) rich(to []byte) ([]byte, error) {
	if x.empty {
		return to, nil
	}
	for depth := len(x.nest); ; {
		t, err := x.next()
		if err != nil {
			return to, err
		}
		switch {
		case t == closes && len(x.nest) < depth:
			return to, nil
		case t == opens && string(x.name) == "t":
			if to, err = x.content(to); err != nil {
				return to, err
			}
		case t == opens && string(x.name) == "r":
			// a run: its text is in it
		case t == opens:
			if err := x.skip(); err != nil {
				return to, err
			}
		case t == atEnd:
			return to, errXML
		}
	}
}

// unescape turns _xHHHH_ into the character that it stands for, in place. It is
// how spreadsheet programs write what XML cannot hold.
func unescape(text []byte) []byte {
	i := bytes.Index(text, []byte("_x"))
	if i < 0 {
		return text
	}
	to := text[:i]
	for i < len(text) {
		if r, ok := escaped(text[i:]); ok {
			to = append(to, string(r)...)
			i += 7
			continue
		}
		to = append(to, text[i])
		i++
	}
	return to
}

func escaped(text []byte) (r rune, ok bool) {
	if len(text) < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_' {
		return 0, false
	}
	for _, c := range text[2:6] {
		d := digit(c)
		if d < 0 {
			return 0, false
		}
		r = r*16 + d
	}
	// Halves of a pair stand for nothing by themselves.
	return r, r < 0xD800 || r > 0xDFFF
}

// arena keeps many short texts in few pieces of memory.
type arena struct{ piece strings.Builder }

const arenaPiece = 64 << 10

func (a *arena) add(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if a.piece.Cap()-a.piece.Len() < len(text) {
		// What was handed out keeps the old piece alive.
		a.piece = strings.Builder{}
		a.piece.Grow(max(arenaPiece, len(text)))
	}
	from := a.piece.Len()
	a.piece.Write(text)
	return a.piece.String()[from:]
}
