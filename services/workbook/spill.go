package workbook

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"rollcall.example/events"
)

const (
	// spillWindow is how much is read from disk at once: cells ask for strings in
	// about the order in which the file has them.
	spillWindow = 64 << 10
	// spillGroup is how many texts have one entry in the table of offsets, so that ten
	// million empty texts take 5 MB of memory. To find a text, those before it in its
	// group are skipped.
	spillGroup = 16
)

// stringSpill keeps texts on disk, each behind its length.
type stringSpill struct {
	file   *os.File
	writer *bufio.Writer
	count  int
	size   int64
	groups []int64 // where each group of texts begins
	length []byte  // of the text being written

	window []byte
	from   int64 // offset of window in the file
	// next is the number of the text behind the last one that was read, and at its
	// offset.
	next int
	at   int64
}

func newStringSpill() (*stringSpill, error) {
	file, err := events.OpenSpool("")
	if err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	return &stringSpill{file: file, writer: bufio.NewWriterSize(file, spillWindow)}, nil
}

// add writes the next text.
func (s *stringSpill) add(text []byte) error {
	if s.count%spillGroup == 0 {
		s.groups = append(s.groups, s.size)
	}
	s.length = binary.AppendUvarint(s.length[:0], uint64(len(text)))
	_, err := s.writer.Write(s.length)
	if err == nil {
		_, err = s.writer.Write(text)
	}
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	s.count++
	s.size += int64(len(s.length) + len(text))
	return nil
}

// behind returns how many bytes were written from the group of text i on.
func (s *stringSpill) behind(i int) int64 { return s.size - s.groups[max(i, 0)/spillGroup] }

// get returns text i.
func (s *stringSpill) get(i int) (string, error) {
	if i < s.next || i/spillGroup > s.next/spillGroup || s.next == 0 {
		s.next, s.at = i/spillGroup*spillGroup, s.groups[i/spillGroup]
	}
	for {
		text, err := s.read()
		if err != nil {
			return "", err
		}
		if s.next > i {
			return string(text), nil
		}
	}
}

// read reads the text at the position and goes on to the next one.
func (s *stringSpill) read() ([]byte, error) {
	if err := s.load(min(binary.MaxVarintLen64, s.size-s.at)); err != nil {
		return nil, err
	}
	length, n := binary.Uvarint(s.window[s.at-s.from:])
	if n <= 0 {
		return nil, errors.New("spill: no length")
	}
	if err := s.load(int64(n) + int64(length)); err != nil {
		return nil, err
	}
	text := s.window[s.at-s.from+int64(n):][:length]
	s.next, s.at = s.next+1, s.at+int64(n)+int64(length)
	return text, nil
}

// load makes the window have so many bytes from the position on.
func (s *stringSpill) load(bytes int64) error {
	if s.at >= s.from && s.at+bytes <= s.from+int64(len(s.window)) {
		return nil
	}
	if err := s.writer.Flush(); err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	size := max(spillWindow, int(bytes))
	if cap(s.window) < size {
		s.window = make([]byte, size)
	}
	n, err := s.file.ReadAt(s.window[:size], s.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("spill: %w", err)
	}
	if n < int(bytes) {
		return fmt.Errorf("spill: %w", io.ErrUnexpectedEOF)
	}
	s.window, s.from = s.window[:n], s.at
	return nil
}

// arena keeps many short texts in few pieces of memory.
type arena struct{ piece strings.Builder }

const (
	arenaPiece = 64 << 10
	// arenaText is how long a text may be for the arena. Longer ones would leave much
	// of a piece unused.
	arenaText = arenaPiece / 16
)

// add copies text into the arena.
func (a *arena) add(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > arenaText {
		return string(text)
	}
	if a.piece.Cap()-a.piece.Len() < len(text) {
		// Texts that were handed out keep the old piece alive.
		a.piece = strings.Builder{}
		a.piece.Grow(arenaPiece)
	}
	from := a.piece.Len()
	a.piece.Write(text)
	return a.piece.String()[from:]
}
