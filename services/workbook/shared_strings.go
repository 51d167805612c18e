package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"rollcall.example/services/workbook/xmlscan"
)

const (
	// maxStringMemory is how much memory the shared strings may take, in bytes.
	// Further ones go to disk.
	maxStringMemory = 32 << 20
	// stringHeader is what a string takes in memory beside its text.
	stringHeader = 16
	textChunk    = 1 << 10
)

// errNoString says that there is no shared string of a number.
var errNoString = errors.New("a cell names a shared string that does not exist")

// sharedStrings are the texts that cells name by number. They are read only as far
// as somebody asks, for the first rows need the first texts only.
type sharedStrings struct {
	meter *meter
	part  *zip.File // nil where the workbook has none
	// source gives the texts of an .xls workbook, one after the other; nil for others.
	source func(dst []byte) (text []byte, more bool, err error)
	rc     io.ReadCloser
	x      *xmlscan.Scanner
	ended  bool

	texts  [][]string   // in chunks, so that none is copied to make room for more
	kept   int          // texts in memory
	cut    map[int]bool // the texts that are the beginning of a longer one
	arena  arena
	memory int // of texts
	limit  int // of memory; 0 means maxStringMemory
	bytes  int64
	// spill holds the texts beyond the limit; nil where there are none.
	spill   *stringSpill
	scratch []byte
}

// get returns text n, and whether it is the beginning of a text that is too long.
func (s *sharedStrings) get(n int) (text string, cut bool, err error) {
	if n >= s.count() {
		if err := s.readUpTo(n); errors.Is(err, errNoString) {
			return "", false, errNoString
		} else if err != nil {
			return "", false, unreadable(fmt.Errorf("shared strings: %w", err))
		}
	}
	if n < s.kept {
		return s.texts[n/textChunk][n%textChunk], s.cut[n], nil
	}
	text, err = s.spill.get(n - s.kept)
	return text, s.cut[n], err
}

// readUpTo reads as far as text n. Once texts go to disk it reads further, up to a
// window: written and read one by one they would each cost a system call.
func (s *sharedStrings) readUpTo(n int) error {
	if s.part == nil && s.source == nil {
		return errors.New("the workbook has none")
	}
	for n >= s.count() || s.spill != nil && s.spill.behind(n-s.kept) < spillWindow {
		more, err := s.readNext()
		if err != nil {
			return s.meter.nameLongText(err)
		}
		if !more {
			break
		}
	}
	if n >= s.count() {
		return errNoString
	}
	return nil
}

func (s *sharedStrings) count() int {
	if s.spill == nil {
		return s.kept
	}
	return s.kept + s.spill.count
}

// readNext reads the next text; false means that there is none.
func (s *sharedStrings) readNext() (bool, error) {
	if s.ended {
		return false, nil
	}
	if s.source != nil {
		text, more, err := s.source(s.scratch[:0])
		if s.scratch, s.ended = text, !more; !more || err != nil {
			return false, err
		}
		return true, s.storeWhole(text)
	}
	if s.x == nil {
		var err error
		if s.rc, err = s.meter.open(s.part); err != nil {
			return false, err
		}
		s.x, s.cut = xmlscan.New(s.rc), map[int]bool{}
	}
	for {
		t, err := s.x.Next()
		switch {
		case err != nil:
			return false, err
		case t == xmlscan.End:
			s.ended = true
			return false, nil
		case t == xmlscan.Open && string(s.x.Name) == "si":
			if s.scratch, err = appendRichText(s.x, s.scratch[:0]); err != nil {
				return false, err
			}
			s.scratch = unescape(s.scratch)
			return true, s.storeWhole(s.scratch)
		}
	}
}

// storeWhole keeps the next text, or the beginning of one that is too long.
func (s *sharedStrings) storeWhole(text []byte) error {
	text, cut := s.meter.fitCell(text)
	if cut {
		s.cut[s.count()] = true
	}
	return s.store(text)
}

// store keeps the next text, in memory or on disk.
func (s *sharedStrings) store(text []byte) error {
	if err := s.meter.addString(); err != nil {
		return err
	}
	if s.bytes += int64(len(text)); s.bytes > s.meter.budget.StringBytes {
		return tooMany("bytes of shared strings", s.meter.budget.StringBytes)
	}
	limit := s.limit
	if limit == 0 {
		limit = maxStringMemory
	}
	if s.spill == nil && s.memory+len(text)+stringHeader <= limit {
		s.memory += len(text) + stringHeader
		if s.kept%textChunk == 0 {
			s.texts = append(s.texts, make([]string, 0, textChunk))
		}
		last := &s.texts[len(s.texts)-1]
		*last = append(*last, s.arena.add(text))
		s.kept++
		return nil
	}
	if s.spill == nil {
		var err error
		if s.spill, err = newStringSpill(); err != nil {
			return err
		}
	}
	return s.spill.add(text)
}

func (s *sharedStrings) close() error {
	var err error
	if s.rc != nil {
		err = s.rc.Close()
	}
	if s.spill != nil {
		err = errors.Join(err, s.spill.file.Close())
	}
	return err
}

// appendRichText appends the text of a <si> or <is> that was just opened: its own
// and that of its runs, without phonetic runs.
func appendRichText(x *xmlscan.Scanner, to []byte) ([]byte, error) {
	if x.Empty {
		return to, nil
	}
	for depth := x.Depth(); ; {
		t, err := x.Next()
		if err != nil {
			return to, err
		}
		switch {
		case t == xmlscan.Close && x.Depth() < depth:
			return to, nil
		case t == xmlscan.Open && string(x.Name) == "t":
			if to, err = x.AppendContent(to); err != nil {
				return to, err
			}
		case t == xmlscan.Open && string(x.Name) == "r":
			// a run: its text is inside
		case t == xmlscan.Open:
			if err := x.Skip(); err != nil {
				return to, err
			}
		case t == xmlscan.End:
			return to, xmlscan.ErrMalformed
		}
	}
}

// unescape replaces each _xHHHH_ by the character that it stands for, in place.
// Spreadsheet programs write characters that way that XML cannot hold.
func unescape(text []byte) []byte {
	i := bytes.Index(text, []byte("_x"))
	if i < 0 {
		return text
	}
	to := text[:i]
	for i < len(text) {
		if r, ok := parseEscape(text[i:]); ok {
			to = append(to, string(r)...)
			i += 7
			continue
		}
		to = append(to, text[i])
		i++
	}
	return to
}

// parseEscape parses the _xHHHH_ at the beginning of text.
func parseEscape(text []byte) (r rune, ok bool) {
	if len(text) < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_' {
		return 0, false
	}
	value, err := strconv.ParseUint(string(text[2:6]), 16, 32)
	if err != nil {
		return 0, false
	}
	r = rune(value)
	// Half a surrogate pair stands for nothing by itself.
	return r, r < 0xD800 || r > 0xDFFF
}
