// Package xmlscan reads the XML of workbooks, of whatever format: fast, in little memory,
// and in less than a writer of hostile files may wish.
package xmlscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxToken is how long a tag or a text between two tags may be, in bytes. A cell has at
// most 32,767 characters, which take ten bytes each where all are references.
const MaxToken = 1 << 20

// maxDepth is how deep elements may nest.
const maxDepth = 256

// ErrMalformed says that a part is not well-formed XML. It holds nothing of the part.
var ErrMalformed = errors.New("malformed XML")

var (
	errDTD      = fmt.Errorf("%w: it has a document type definition", ErrMalformed)
	errEncoding = fmt.Errorf("%w: it is in an unknown encoding", ErrMalformed)
	errLongTag  = fmt.Errorf("%w: a tag is longer than any has to be", ErrMalformed)
)

// ErrLongText says that a text is longer than any cell. It wraps ErrMalformed.
var ErrLongText = fmt.Errorf("%w: a text is longer than any cell", ErrMalformed)

// Kind is the kind of a token.
type Kind uint8

// The kinds of tokens.
const (
	End   Kind = iota // the document ends
	Open              // an element opens; Empty is set where it closes itself
	Close             // an element closes
	Text              // text between tags
)

// Scanner reads XML as spreadsheet programs write it: one token at a time, in a
// buffer that is used again. It knows entities, references, CDATA, comments and any
// prefix. It refuses document types and elements that are not properly nested.
type Scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	eof      bool

	// The token just read, valid until the next one: the name without prefix, the
	// text of the attributes, the raw text.
	Name, Text []byte
	attrs      []byte
	Empty      bool // the element has no content
	CDATA      bool // the text holds no references

	// Discard says that nobody asks for texts: they may be of any length, and what is in
	// Text is no matter.
	Discard bool

	openNames []uint32 // hashes of the names of the open elements
	started   bool
}

// New returns a scanner of the part that r holds.
func New(r io.Reader) *Scanner { return &Scanner{r: r, buf: make([]byte, 64<<10)} }

// Depth returns how many elements are open. One that closes itself is not among them.
func (x *Scanner) Depth() int { return len(x.openNames) }

// fill reads more of the part. Bytes that were not consumed yet move to the
// beginning of the buffer.
func (x *Scanner) fill() error {
	if x.eof {
		return io.ErrUnexpectedEOF
	}
	if x.pos > 0 {
		copy(x.buf, x.buf[x.pos:x.end])
		x.end -= x.pos
		x.pos = 0
	}
	if x.end == len(x.buf) {
		if len(x.buf) >= MaxToken {
			return errLongTag
		}
		x.buf = append(x.buf, make([]byte, len(x.buf))...)
	}
	for range 100 {
		n, err := x.r.Read(x.buf[x.end:])
		x.end += n
		switch {
		case errors.Is(err, io.EOF):
			x.eof = true
			if n == 0 {
				return io.ErrUnexpectedEOF
			}
			return nil
		case err != nil:
			return err
		case n > 0:
			return nil
		}
	}
	return io.ErrNoProgress
}

// index returns the offset from pos at which what occurs next, searching from the
// given offset on.
func (x *Scanner) index(what string, from int) (int, error) {
	for {
		if x.pos+from < x.end {
			if i := bytes.Index(x.buf[x.pos+from:x.end], []byte(what)); i >= 0 {
				return from + i, nil
			}
			from = max(from, x.end-x.pos-len(what)+1)
		}
		if err := x.fill(); err != nil {
			return 0, err
		}
	}
}

// indexByte is index for a single byte.
func (x *Scanner) indexByte(what byte, from int) (int, error) {
	for {
		if x.pos+from < x.end {
			if i := bytes.IndexByte(x.buf[x.pos+from:x.end], what); i >= 0 {
				return from + i, nil
			}
			from = x.end - x.pos
		}
		if err := x.fill(); err != nil {
			return 0, err
		}
	}
}

// hasPrefix reports whether the unread text begins with prefix.
func (x *Scanner) hasPrefix(prefix string) bool {
	for x.end-x.pos < len(prefix) {
		if x.fill() != nil {
			return false
		}
	}
	return string(x.buf[x.pos:x.pos+len(prefix)]) == prefix
}

// Next reads a token. An error that is not the reader's own wraps ErrMalformed.
func (x *Scanner) Next() (Kind, error) {
	t, err := x.readToken()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it ends in the middle", ErrMalformed)
	}
	return t, err
}

func (x *Scanner) readToken() (Kind, error) {
	if !x.started {
		if err := x.checkStart(); err != nil {
			return End, err
		}
	}
	for {
		if x.pos == x.end {
			if err := x.fill(); err != nil {
				if errors.Is(err, io.ErrUnexpectedEOF) && len(x.openNames) == 0 {
					return End, nil
				}
				return End, err
			}
		}
		if x.buf[x.pos] != '<' {
			return x.readText()
		}
		if x.end-x.pos < 2 {
			if err := x.fill(); err != nil {
				return End, err
			}
		}
		var err error
		switch x.buf[x.pos+1] {
		case '/':
			return x.readClosing()
		case '?':
			err = x.skipPast("?>", 2)
		case '!':
			switch {
			case x.hasPrefix("<!--"):
				err = x.skipPast("-->", 4)
			case x.hasPrefix("<![CDATA["):
				return x.readCDATA()
			default:
				return End, errDTD
			}
		default:
			return x.readOpening()
		}
		if err != nil {
			return End, err
		}
	}
}

// skipPast skips everything up to and including end, without holding it in memory.
func (x *Scanner) skipPast(end string, from int) error {
	x.pos += from
	for {
		if i := bytes.Index(x.buf[x.pos:x.end], []byte(end)); i >= 0 {
			x.pos += i + len(end)
			return nil
		}
		x.pos = max(x.pos, x.end-len(end)+1)
		if err := x.fill(); err != nil {
			return err
		}
	}
}

func (x *Scanner) readText() (Kind, error) {
	for from := 0; ; {
		if i := bytes.IndexByte(x.buf[x.pos+from:x.end], '<'); i >= 0 {
			x.Text, x.CDATA = x.buf[x.pos:x.pos+from+i], false
			x.pos += from + i
			break
		}
		if from = x.end - x.pos; x.Discard {
			x.pos, from = x.end, 0
		}
		if err := x.fill(); err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				return End, longText(err)
			}
			x.Text, x.CDATA = x.buf[x.pos:x.end], false
			x.pos = x.end
			break
		}
	}
	if len(x.openNames) == 0 && len(bytes.TrimSpace(x.Text)) > 0 {
		return End, ErrMalformed // text outside the root element
	}
	return Text, nil
}

// longText says that what does not fit into the buffer is a text.
func longText(err error) error {
	if errors.Is(err, errLongTag) {
		return ErrLongText
	}
	return err
}

func (x *Scanner) readCDATA() (Kind, error) {
	const open = "<![CDATA["
	if x.Discard {
		x.Text, x.CDATA = nil, true
		return Text, x.skipPast("]]>", len(open))
	}
	i, err := x.index("]]>", len(open))
	if err != nil {
		return End, longText(err)
	}
	x.Text, x.CDATA = x.buf[x.pos+len(open):x.pos+i], true
	x.pos += i + len("]]>")
	return Text, nil
}

func (x *Scanner) readClosing() (Kind, error) {
	i, err := x.indexByte('>', 2)
	if err != nil {
		return End, err
	}
	name := x.buf[x.pos+2 : x.pos+i]
	for len(name) > 0 && isSpace(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	x.pos += i + 1
	last := len(x.openNames) - 1
	if last < 0 || x.openNames[last] != hashName(name) {
		return End, ErrMalformed
	}
	x.openNames = x.openNames[:last]
	x.Name = localName(name)
	return Close, nil
}

func (x *Scanner) readOpening() (Kind, error) {
	i, err := x.findTagEnd()
	if err != nil {
		return End, err
	}
	tag := x.buf[x.pos+1 : x.pos+i]
	x.pos += i + 1
	x.Empty = len(tag) > 0 && tag[len(tag)-1] == '/'
	if x.Empty {
		tag = tag[:len(tag)-1]
	}
	end := 0
	for end < len(tag) && !isSpace(tag[end]) {
		switch tag[end] {
		case '<', '&', '"', '\'', '=':
			return End, ErrMalformed
		}
		end++
	}
	name := tag[:end]
	x.attrs = tag[end:]
	if len(name) == 0 {
		return End, ErrMalformed
	}
	x.Name = localName(name)
	if x.Empty {
		return Open, nil
	}
	if len(x.openNames) == maxDepth {
		return End, fmt.Errorf("%w: elements nest too deeply", ErrMalformed)
	}
	x.openNames = append(x.openNames, hashName(name))
	return Open, nil
}

// findTagEnd returns the offset at which the tag at pos ends: at a '>' that is not
// quoted.
func (x *Scanner) findTagEnd() (int, error) {
	var quote byte
	for at := 1; ; {
		for ; x.pos+at < x.end; at++ {
			switch c := x.buf[x.pos+at]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '>':
				return at, nil
			case c == '"' || c == '\'':
				quote = c
			}
		}
		if err := x.fill(); err != nil {
			return 0, err
		}
	}
}
