// Package delimited reads texts of delimiter-separated values as spreadsheet programs
// write and read them.
package delimited

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxFields is how many fields a record may have: as many as a sheet has columns.
const MaxFields = 16_384

// What makes a record no row of a sheet.
var (
	ErrTooWide = errors.New("a record has too many fields")
	ErrTooLong = errors.New("a record has too many bytes")
)

// Reader reads the records of a text. A quotation mark opens a field only where the field
// begins; text between the closing mark and the delimiter belongs to the field. A mark
// that nothing closes ends with its line, so that it takes no other row with it.
type Reader struct {
	in        io.Reader
	delimiter []byte
	limit     int // of bytes of a record

	// Returns says that lines end with a carriage return alone.
	Returns bool
	// Width is how many columns the header has, and ID the index of the ID column; 0 and
	// -1 where nobody knows yet. They tell rows in quotation marks from lines of an address.
	Width, ID int
	// Unclosed says that a quotation mark of the record that was read last is never closed.
	Unclosed bool

	buf        []byte
	begin, end int // of what is in buf; a record begins at begin
	ended      bool
	err        error
	stops      [256]bool // the bytes that end a field without quotation marks
	text       []byte    // of the field being read, where it is not as in buf
}

// New returns a reader of a text in UTF-8. A record may have limit bytes.
func New(in io.Reader, delimiter rune, limit int) *Reader {
	r := &Reader{in: in, delimiter: []byte(string(delimiter)), limit: limit, ID: -1, buf: make([]byte, 64<<10)}
	r.stops['\r'], r.stops['\n'], r.stops[r.delimiter[0]] = true, true, true
	return r
}

// window returns what is buffered of the record.
func (r *Reader) window() []byte { return r.buf[r.begin:r.end] }

// fill reads more of the text behind what is buffered. It reports whether there is more.
func (r *Reader) fill() bool {
	if r.ended {
		return false
	}
	if r.begin > 0 {
		copy(r.buf, r.window())
		r.begin, r.end = 0, r.end-r.begin
	}
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	for range 100 {
		n, err := r.in.Read(r.buf[r.end:])
		r.end += n
		if err != nil {
			r.ended = true
			if !errors.Is(err, io.EOF) {
				r.err = err
			}
		}
		if n > 0 || r.ended {
			return n > 0
		}
	}
	r.ended, r.err = true, io.ErrNoProgress
	return false
}

// has reports whether the record has a byte at offset i.
func (r *Reader) has(i int) bool { return r.begin+i < r.end || r.fill() && r.begin+i < r.end }

// Next reads a line or more and hands the fields to add, which must not keep them. It
// reports how many fields there were, 0 for an empty line. The end of the text is io.EOF.
// A record without end is ErrTooWide or ErrTooLong.
func (r *Reader) Next(add func(field []byte) error) (fields int, err error) {
	r.Unclosed = false
	if !r.has(0) {
		if r.err != nil {
			return 0, r.err
		}
		return 0, io.EOF
	}
	for i := 0; ; {
		if fields == 0 && r.stopsLine(i) {
			r.endLine(i)
			return 0, nil
		}
		field, at, err := r.readField(i)
		if err != nil {
			return 0, err
		}
		if fields++; fields > MaxFields {
			return 0, ErrTooWide
		}
		if err := add(field); err != nil {
			return 0, err
		}
		if !r.has(at) || r.stopsLine(at) {
			r.endLine(at)
			return fields, r.err
		}
		if i = at + len(r.delimiter); i > r.limit {
			return 0, ErrTooLong
		}
	}
}

// stopsLine reports whether a line ends at offset i.
func (r *Reader) stopsLine(i int) bool {
	return r.has(i) && (r.buf[r.begin+i] == '\n' || r.buf[r.begin+i] == '\r')
}

// endLine takes what was read, and the end of the line at offset i.
func (r *Reader) endLine(i int) {
	if r.has(i) {
		carriage := r.buf[r.begin+i] == '\r'
		if i++; carriage && r.has(i) && r.buf[r.begin+i] == '\n' {
			i++
		}
	}
	r.begin += i
}

// readField reads the field at offset i. The next delimiter or end of a line is at end.
func (r *Reader) readField(i int) (field []byte, end int, err error) {
	if !r.has(i) || r.buf[r.begin+i] != '"' {
		if end, err = r.findStop(i); err != nil {
			return nil, 0, err
		}
		return r.window()[i:end], end, nil
	}
	closing, closed, err := r.closeQuote(i + 1)
	if err != nil {
		return nil, 0, err
	}
	if !closed {
		r.Unclosed = true
		r.text = r.appendQuoted(r.text[:0], r.window()[i+1:closing])
		return r.text, closing, nil
	}
	if end, err = r.findStop(closing + 1); err != nil {
		return nil, 0, err
	}
	inside := r.window()[i+1 : closing]
	if end == closing+1 && bytes.IndexByte(inside, '"') < 0 && bytes.IndexByte(inside, '\r') < 0 {
		return inside, end, nil
	}
	r.text = append(r.appendQuoted(r.text[:0], inside), r.window()[closing+1:end]...)
	return r.text, end, nil
}

// findStop returns the offset of the next delimiter or end of a line, from offset i on.
func (r *Reader) findStop(i int) (int, error) {
	for {
		for w := r.window(); i < len(w); i++ {
			if c := w[i]; r.stops[c] && (c < utf8.RuneSelf || r.delimits(i)) {
				return i, nil
			}
		}
		if i > r.limit {
			return 0, ErrTooLong
		}
		if !r.fill() {
			return i, r.err
		}
	}
}

// delimits reports whether the delimiter stands at offset i.
func (r *Reader) delimits(i int) bool {
	return r.has(i+len(r.delimiter)-1) && bytes.HasPrefix(r.window()[i:], r.delimiter)
}

// appendQuoted appends what stands in quotation marks: doubled ones are one.
func (r *Reader) appendQuoted(to, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"' && i+1 < len(text) && text[i+1] == '"':
			i++
		case c == '\r' && i+1 < len(text) && text[i+1] == '\n':
			continue
		case c == '\r' && r.Returns:
			c = '\n'
		}
		to = append(to, c)
	}
	return to
}

// closeQuote finds the quotation mark that closes a field whose text begins at offset i.
// Where none does, it returns the end of the field's line.
func (r *Reader) closeQuote(i int) (at int, closed bool, err error) {
	lineEnd, line, wide := -1, i, false // line is where the line begins
	unclosed := func() (int, bool, error) { return lineEnd, false, nil }
	for {
		w := r.window()
		for i < len(w) && w[i] != '"' && w[i] != '\n' && w[i] != '\r' {
			i++
		}
		switch {
		case i >= len(w):
			if i > r.limit {
				if lineEnd < 0 {
					return 0, false, ErrTooLong
				}
				return unclosed()
			}
			if r.fill() {
				continue
			}
			if r.err != nil {
				return 0, false, r.err
			}
			if lineEnd < 0 {
				lineEnd = i
			}
			return unclosed()
		case w[i] == '"':
			if r.has(i+1) && r.buf[r.begin+i+1] == '"' {
				i += 2
				continue
			}
			if lineEnd >= 0 && r.swallows(line, i, wide) {
				return unclosed()
			}
			return i, true, nil
		case lineEnd < 0:
			lineEnd = i
		case r.looksLikeRow(w[line:i]):
			return unclosed()
		default:
			wide = wide || r.countFields(w[line:i]) == r.Width
		}
		i++
		line = i
	}
}

// swallows reports whether the quotation mark at offset i, on a line below that of the
// field, is no closing one, so that the field would take rows with it. Wide says that a
// line between had as many fields as a row.
func (r *Reader) swallows(line, i int, wide bool) bool {
	before := r.window()[line:i]
	if r.looksLikeRow(before) {
		return true
	}
	if !r.has(i+1) || r.stopsLine(i+1) || r.delimits(i+1) {
		return false
	}
	// Behind it there is more text. It opens a field where a field begins.
	before = r.window()[line:i]
	return wide || len(before) == 0 || bytes.HasSuffix(before, r.delimiter)
}

func (r *Reader) countFields(line []byte) int { return bytes.Count(line, r.delimiter) + 1 }

// looksLikeRow reports whether a line in quotation marks is a row of its own: where
// the ID column is, it has the digits of an ID number. Where nobody knows the column,
// any field may have them.
func (r *Reader) looksLikeRow(line []byte) bool {
	if r.Width > 1 && !bytes.Contains(line, r.delimiter) {
		return false
	}
	for column := 0; ; column++ {
		field, rest, more := bytes.Cut(line, r.delimiter)
		if (r.ID < 0 || r.ID == column) && hasDigitsOfID(field) {
			return true
		}
		if line = rest; !more || r.ID >= 0 && column >= r.ID {
			return false
		}
	}
}

// hasDigitsOfID reports whether a field is of 10 to 13 digits, the zeros in front of
// which may have been eaten, with what people and programs put around them.
func hasDigitsOfID(field []byte) bool {
	field = bytes.TrimSuffix(bytes.TrimSpace(field), []byte(".0"))
	digits := 0
	for _, c := range field {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case !strings.ContainsRune(` -'"=`, rune(c)):
			return false
		}
	}
	return digits >= 10 && digits <= 13
}
