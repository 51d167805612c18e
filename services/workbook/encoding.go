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

// sniffLength is how many bytes at the beginning of a file decide its encoding.
const sniffLength = 4 << 10

var errNotText = refuse(refusal.CodeNotAZip,
	"The file is neither an Excel workbook (.xlsx) nor a text of comma-separated values (.csv), "+
		"or it is incomplete. Save it again as .xlsx and upload it.", nil)

// plainText is a text file in one of several encodings.
type plainText struct {
	src  *meter
	from int64 // where the text begins, after a byte order mark
	size int64 // bytes of the file
	// lines is the number of lines.
	lines    int
	encoding encoding.Encoding
	// bareReturns is set where lines end with a carriage return alone.
	bareReturns bool
	// skip is how many bytes of the decoded text to leave out.
	skip int
}

// detectEncoding finds the encoding by a byte order mark or by the zeros of UTF-16.
// Otherwise it is UTF-8 where the whole file is valid UTF-8, and else the Windows
// code page 1252 of spreadsheet programs. A file that is no text is refused.
func detectEncoding(src *meter, size int64) (plainText, error) {
	t := plainText{src: src, size: size, encoding: encoding.Nop}
	head := make([]byte, min(sniffLength, size))
	if _, err := io.ReadFull(io.NewSectionReader(src, 0, size), head); err != nil {
		return t, src.explain(fmt.Errorf("read workbook: %w", err))
	}
	even, odd := countZeros(head)
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
	valid, err := t.checkText()
	if err != nil {
		return t, err
	}
	if !valid && t.from == 0 && t.encoding == encoding.Nop {
		t.encoding = charmap.Windows1252
	}
	return t, nil
}

// countZeros counts the zero bytes at even and at odd offsets.
func countZeros(b []byte) (even, odd int) {
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

// checkText reads the whole text to learn whether it is UTF-8 and how many lines it
// has. It refuses characters that no text holds.
func (t *plainText) checkText() (valid bool, err error) {
	in := bufio.NewReaderSize(t.newDecoder(), 64<<10)
	valid = true
	feeds, returns := 0, 0
	for first := true; ; first = false {
		r, n, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, t.src.explain(unreadable(err))
		}
		switch {
		case r == utf8.RuneError && n == 1:
			valid = false
		case r == '\n':
			feeds++
		case r == '\r':
			returns++
		case r < ' ' && r != '\t' && r != '\f' && r != '\v' && r != 0x1A: // 0x1A ended the text files of DOS
			return false, errNotText
		case first && (r == '<' || r == '{' || r == '%'):
			// A web page, JSON or a PDF that was given another name.
			return false, errNotText
		}
	}
	t.bareReturns = feeds == 0 && returns > 0
	t.lines = max(feeds, returns) + 1
	return valid, nil
}

func (t *plainText) newDecoder() io.Reader {
	var in io.Reader = io.NewSectionReader(t.src, t.from, t.size-t.from)
	if t.encoding != encoding.Nop {
		in = t.encoding.NewDecoder().Reader(in)
	}
	return t.src.unpacked(in)
}

// newReader reads the text in UTF-8, with line feeds at the ends of lines.
func (t *plainText) newReader() io.Reader {
	in := t.newDecoder()
	if t.bareReturns {
		in = returnReplacer{in}
	}
	if t.skip > 0 {
		in = &skipReader{r: in, left: t.skip}
	}
	return in
}

// readFirstLine returns the first line with its end. It reads no more than 64 bytes
// of it, enough to recognise sep=.
func (t *plainText) readFirstLine() (string, error) {
	line, err := bufio.NewReaderSize(t.newReader(), 64).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return "", t.src.explain(unreadable(err))
	}
	return string(line), nil
}

// returnReplacer replaces carriage returns by line feeds.
type returnReplacer struct{ r io.Reader }

func (f returnReplacer) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// skipReader leaves out the beginning of what it reads.
type skipReader struct {
	r    io.Reader
	left int
}

func (s *skipReader) Read(p []byte) (int, error) {
	if s.left > 0 {
		n, err := io.CopyN(io.Discard, s.r, int64(s.left))
		s.left -= int(n)
		if err != nil {
			return 0, err
		}
	}
	return s.r.Read(p)
}
