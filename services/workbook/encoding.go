package workbook

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	letters "unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"

	"rollcall.example/events/refusal"
)

// sniffLength is how many bytes at the beginning of a file decide its encoding.
const sniffLength = 4 << 10

// dosEnd ended the text files of DOS.
const dosEnd = 0x1A

var errNotText = refuse(refusal.CodeNotAZip,
	"The file is neither a workbook (.xlsx, .xls, .ods) nor a text of comma-separated values (.csv), "+
		"or it is incomplete. Save it again as .xlsx and upload it.", nil)

// plainText is a text file in one of several encodings.
type plainText struct {
	src  *meter
	from int64 // where the text begins, after a byte order mark
	size int64 // bytes of the file
	// lines is the number of lines.
	lines    int
	encoding encoding.Encoding
	// bareReturns is set where lines end with a carriage return alone, and separators where
	// they end with a line separator of Unicode alone.
	bareReturns, separators bool
	// odd says that fields may have something to mend.
	odd bool
	// skip is how many bytes of the decoded text to leave out.
	skip int
}

// detectEncoding finds the encoding by a byte order mark or by the zeros of UTF-16 and
// UTF-32. Otherwise it is UTF-8, also where some bytes are damaged, or, in a file that has
// nothing of UTF-8, a code page of spreadsheet programs. A file that is no text is refused.
func detectEncoding(src *meter, size int64) (plainText, error) {
	t := plainText{src: src, size: size, encoding: encoding.Nop}
	head := make([]byte, min(sniffLength, size))
	if _, err := io.ReadFull(io.NewSectionReader(src, 0, size), head); err != nil {
		return t, src.explain(fmt.Errorf("read workbook: %w", err))
	}
	t.from, t.encoding = detectUnicode(head)
	seen, err := t.checkText()
	if err != nil {
		return t, err
	}
	t.odd = seen.controls+seen.replaced+seen.invalid > 0
	if seen.invalid > 0 && t.from == 0 && seen.invalid > 10*seen.letters {
		t.odd = seen.controls+seen.replaced > 0
		t.encoding, err = t.guessCodePage()
	}
	return t, err
}

// detectUnicode returns the encoding that the beginning of a file shows, and the length
// of its byte order mark.
func detectUnicode(head []byte) (mark int64, _ encoding.Encoding) {
	var zeros [4]int // by their offset
	for i, c := range head {
		if c == 0 {
			zeros[i%4]++
		}
	}
	even, odd := zeros[0]+zeros[2], zeros[1]+zeros[3]
	most := len(head) / 5 // nearly all of a quarter
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		return 3, encoding.Nop
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE, 0, 0}):
		return 4, utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case bytes.HasPrefix(head, []byte{0, 0, 0xFE, 0xFF}):
		return 4, utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return 2, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return 2, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case len(head)%4 == 0 && zeros[1] > most && zeros[2] > most && zeros[3] > most && zeros[0] == 0:
		return 0, utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case len(head)%4 == 0 && zeros[0] > most && zeros[1] > most && zeros[2] > most && zeros[3] == 0:
		return 0, utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	case odd > 2*even && odd*3 > len(head):
		return 0, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case even > 2*odd && even*3 > len(head):
		return 0, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return 0, encoding.Nop
}

// sighting is what a text has.
type sighting struct {
	characters int
	letters    int // characters of more than one byte
	invalid    int // bytes that are no UTF-8
	replaced   int // characters that stand for what somebody could not read
	controls   int // characters that no text needs

	feeds, returns, pairs, separators int
}

// isText reports whether what was seen may be a text. Some control characters get into
// the exports of databases; other files have many.
func (s *sighting) isText() bool { return s.controls <= 2+s.characters/20 }

// checkText reads the whole text to learn what it has. It refuses what is no text.
func (t *plainText) checkText() (sighting, error) {
	var s sighting
	in, buf, kept, before := t.newDecoder(), make([]byte, 64<<10), 0, rune(0)
	for {
		n, err := in.Read(buf[kept:])
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return s, t.src.explain(unreadable(err))
		}
		data, i := buf[:kept+n], 0
		for i < len(data) && (ended || data[i] < utf8.RuneSelf || utf8.FullRune(data[i:])) {
			if c := data[i]; c >= ' ' && c < 0x7F && s.characters > 0 {
				before = rune(c)
				s.characters++
				i++
				continue
			}
			r, size := utf8.DecodeRune(data[i:])
			s.see(r, size, before)
			if s.characters == 1 && (r == '<' || r == '{' || r == '%') {
				// A web page, JSON or a PDF that was given another name.
				return s, errNotText
			}
			before = r
			i += size
		}
		if !s.isText() {
			return s, errNotText
		}
		if kept = copy(buf, data[i:]); ended {
			break
		}
	}
	t.bareReturns = s.feeds == 0 && s.returns > 0
	t.separators = s.feeds+s.returns == 0 && s.separators > 0
	t.lines = s.feeds + s.returns - s.pairs + 1
	if t.separators {
		t.lines = s.separators + 1
	}
	return s, nil
}

// see notes a character of size bytes.
func (s *sighting) see(r rune, size int, before rune) {
	s.characters++
	switch {
	case r == utf8.RuneError && size == 1:
		s.invalid++
	case r == utf8.RuneError:
		s.replaced++
	case r == '\n':
		if s.feeds++; before == '\r' {
			s.pairs++
		}
	case r == '\r':
		s.returns++
	case isLineSeparator(r):
		s.separators++
	case isControl(r):
		s.controls++
	case size > 1:
		s.letters++
	}
}

// isControl reports whether a character is one that no cell of a roll needs.
func isControl(r rune) bool {
	return r < ' ' && (r < '\t' || r > '\r') || r >= 0x7F && r < 0xA0 && r != '\u0085'
}

func isLineSeparator(r rune) bool { return r == '\u2028' || r == '\u2029' || r == '\u0085' }

// mend returns a field without what is no text in it, and what that was. Bytes that are
// no UTF-8 come from a program that writes Windows-1252.
func mend(field []byte) ([]byte, Fault) {
	var odd Fault
	var mended []byte
	for i := 0; i < len(field); {
		r, size := utf8.DecodeRune(field[i:])
		switch {
		case r == utf8.RuneError:
			odd |= OddBytes
		case isControl(r):
			if r != dosEnd {
				odd |= OddCharacters
			}
		default:
			if mended != nil {
				mended = append(mended, field[i:i+size]...)
			}
			i += size
			continue
		}
		if mended == nil {
			mended = append(make([]byte, 0, len(field)+8), field[:i]...)
		}
		switch {
		case r != utf8.RuneError:
		case size == 1:
			mended = utf8.AppendRune(mended, charmap.Windows1252.DecodeByte(field[i]))
		default:
			mended = utf8.AppendRune(mended, r)
		}
		i += size
	}
	if mended == nil {
		return field, 0
	}
	return mended, odd
}

// guessCodePage tells Windows-1252 from the code page of old Macs: by what either makes of
// the bytes that stand in words.
func (t *plainText) guessCodePage() (encoding.Encoding, error) {
	in := bufio.NewReaderSize(t.newDecoder(), 64<<10)
	windows, mac, before := 0, 0, byte(0)
	for {
		c, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, t.src.explain(unreadable(err))
		}
		if c >= utf8.RuneSelf {
			after := byte(0)
			if next, err := in.Peek(1); err == nil {
				after = next[0]
			}
			if fitsWord(charmap.Windows1252.DecodeByte(c), before, after) {
				windows++
			}
			if fitsWord(charmap.Macintosh.DecodeByte(c), before, after) {
				mac++
			}
		}
		before = c
	}
	if mac > windows {
		return charmap.Macintosh, nil
	}
	return charmap.Windows1252, nil
}

// fitsWord reports whether a character may stand between two bytes of a name.
func fitsWord(r rune, before, after byte) bool {
	lower := func(c byte) bool { return c >= 'a' && c <= 'z' }
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	switch {
	case strings.ContainsRune("\u2019\u2013\u2014", r): // apostrophe and dashes
		return true
	case !lower(before) && !upper(before):
		return !lower(after) && !upper(after) || letters.IsLetter(r)
	case lower(before) || lower(after):
		return letters.IsLower(r)
	}
	return letters.IsLetter(r)
}

func (t *plainText) newDecoder() io.Reader {
	var in io.Reader = io.NewSectionReader(t.src, t.from, t.size-t.from)
	if t.encoding != encoding.Nop {
		in = t.encoding.NewDecoder().Reader(in)
	}
	return t.src.unpacked(in)
}

// newReader reads the text in UTF-8.
func (t *plainText) newReader() io.Reader {
	in := t.newDecoder()
	if t.separators {
		in = transform.NewReader(in, runes.Map(func(r rune) rune {
			if isLineSeparator(r) {
				return '\n'
			}
			return r
		}))
	}
	if t.skip > 0 {
		in = &skipReader{r: in, left: t.skip}
	}
	return in
}

// readFirstLine returns the first line with its end. It reads no more than 64 bytes
// of it, enough to recognise sep=.
func (t *plainText) readFirstLine() (string, error) {
	head, err := io.ReadAll(io.LimitReader(t.newReader(), 64))
	if err != nil {
		return "", t.src.explain(unreadable(err))
	}
	if i := bytes.IndexAny(head, "\r\n"); i >= 0 {
		if bytes.HasPrefix(head[i:], []byte("\r\n")) {
			i++
		}
		head = head[:i+1]
	}
	return string(head), nil
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
