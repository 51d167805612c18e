package workbook

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"rollcall.example/events/refusal"
)

// sniffed is how much of a file tells what it is.
const sniffed = 4 << 10

var errNoText = refuse(refusal.CodeNotAZip, "The file is neither an Excel workbook (.xlsx) nor a text of comma-separated values (.csv), "+
	"or it is incomplete. Save it again as .xlsx and upload it.", nil)

// plainText is a file of text in some encoding.
type plainText struct {
	src  *source
	from int64 // where the text begins, after a byte order mark
	size int64 // of the file
	// lines is how many there are.
	lines    int
	encoding encoding.Encoding
	// returns says that lines end with a carriage return alone.
	returns bool
	// skip is how many bytes of the decoded text are left out.
	skip int
}

// readEncoding finds the encoding: by a byte order mark, by the zeros of UTF-16,
// and else it is UTF-8 if all of the file is, or the Windows code page 1252 of
// spreadsheet programs. What is no text at all is refused.
func readEncoding(src *source, size int64) (plainText, error) {
	t := plainText{src: src, size: size, encoding: encoding.Nop}
	head := make([]byte, min(sniffed, size))
	if _, err := io.ReadFull(io.NewSectionReader(src, 0, size), head); err != nil {
		return t, fmt.Errorf("read workbook: %w", err)
	}
	even, odd := zeros(head)
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		t.from = 3
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		t.from, t.encoding = 2, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		t.from, t.encoding = 2, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case odd > 2*even && odd*3 > len(head):
		t.encoding = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case even > 2*odd && even*3 > len(head):
		t.encoding = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	valid, err := t.scan()
	if err != nil {
		return t, err
	}
	if !valid && t.from == 0 && t.encoding == encoding.Nop {
		t.encoding = charmap.Windows1252
	}
	return t, nil
}

// zeros counts the bytes that are zero at even and at odd places.
func zeros(b []byte) (even, odd int) {
	for i, c := range b {
		switch {
		case c != 0:
		case i%2 == 0:
			even++
		default:
			odd++
		}
	}
	return even, odd
}

// scan reads all of the text: whether it is UTF-8 and how many lines it has. It
// refuses what no text holds.
func (t *plainText) scan() (valid bool, err error) {
	in := bufio.NewReaderSize(t.decoded(), 64<<10)
	valid = true
	feeds, returns := 0, 0
	for first := true; ; first = false {
		r, n, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, t.src.blame(unreadable(err))
		}
		switch {
		case r == utf8.RuneError && n == 1:
			valid = false
		case r == '\n':
			feeds++
		case r == '\r':
			returns++
		case r < ' ' && r != '\t' && r != '\f' && r != '\v' && r != 0x1A: // that one ended the files of DOS
			return false, errNoText
		case first && (r == '<' || r == '{' || r == '%'):
			// A web page, JSON or PDF that was given another name.
			return false, errNoText
		}
	}
	t.returns = feeds == 0 && returns > 0
	t.lines = max(feeds, returns) + 1
	return valid, nil
}

func (t *plainText) decoded() io.Reader {
	in := io.NewSectionReader(t.src, t.from, t.size-t.from)
	if t.encoding == encoding.Nop {
		return in
	}
	return t.encoding.NewDecoder().Reader(in)
}

// reader is the text in UTF-8 with lines that end as usual.
func (t *plainText) reader() io.Reader {
	in := t.decoded()
	if t.returns {
		in = feeder{in}
	}
	if t.skip > 0 {
		in = &skipper{r: in, left: t.skip}
	}
	return in
}

// firstLine is the first line with its end, of which no more is read than counts.
func (t *plainText) firstLine() (string, error) {
	line, err := bufio.NewReaderSize(t.reader(), 64).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return "", t.src.blame(unreadable(err))
	}
	return string(line), nil
}

// feeder makes line feeds of carriage returns.
type feeder struct{ r io.Reader }

func (f feeder) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// skipper leaves out the beginning.
type skipper struct {
	r    io.Reader
	left int
}

func (s *skipper) Read(p []byte) (int, error) {
	if s.left > 0 {
		n, err := io.CopyN(io.Discard, s.r, int64(s.left))
		s.left -= int(n)
		if err != nil {
			return 0, err
		}
	}
	return s.r.Read(p)
}
