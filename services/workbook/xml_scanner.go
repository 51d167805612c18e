package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxToken is how long a tag or a text between two tags may be, in bytes. A cell has at
// most 32,767 characters, which take ten bytes each where all are references.
const maxToken = 1 << 20

// maxDepth is how deep elements may nest.
const maxDepth = 256

// errXML says that a part is not well-formed XML. It holds nothing of the part.
var errXML = errors.New("malformed XML")

var (
	errDTD      = fmt.Errorf("%w: it has a document type definition", errXML)
	errEncoding = fmt.Errorf("%w: it is in an unknown encoding", errXML)
	errLongTag  = fmt.Errorf("%w: a tag is longer than any has to be", errXML)
	errLongText = fmt.Errorf("%w: a text is longer than any cell", errXML)
)

type tokenKind uint8

const (
	tokenEnd   tokenKind = iota // the document ends
	tokenOpen                   // an element opens; empty is set where it closes itself
	tokenClose                  // an element closes
	tokenText                   // text between tags
)

// xmlScanner reads XML as spreadsheet programs write it: one token at a time, in a
// buffer that is used again. It knows entities, references, CDATA, comments and any
// prefix. It refuses document types and elements that are not properly nested.
type xmlScanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	eof      bool

	// The token just read, valid until the next one: the name without prefix, the
	// text of the attributes, the raw text.
	name, attrs, text []byte
	empty             bool // the element has no content
	cdata             bool // the text holds no references

	openNames []uint32 // hashes of the names of the open elements
	started   bool
}

func newXMLScanner(r io.Reader) *xmlScanner { return &xmlScanner{r: r, buf: make([]byte, 64<<10)} }

// fill reads more of the part. Bytes that were not consumed yet move to the
// beginning of the buffer.
func (x *xmlScanner) fill() error {
	if x.eof {
		return io.ErrUnexpectedEOF
	}
	if x.pos > 0 {
		copy(x.buf, x.buf[x.pos:x.end])
		x.end -= x.pos
		x.pos = 0
	}
	if x.end == len(x.buf) {
		if len(x.buf) >= maxToken {
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
func (x *xmlScanner) index(what string, from int) (int, error) {
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
func (x *xmlScanner) indexByte(what byte, from int) (int, error) {
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
func (x *xmlScanner) hasPrefix(prefix string) bool {
	for x.end-x.pos < len(prefix) {
		if x.fill() != nil {
			return false
		}
	}
	return string(x.buf[x.pos:x.pos+len(prefix)]) == prefix
}

// next reads a token. An error that is not the reader's own wraps errXML.
func (x *xmlScanner) next() (tokenKind, error) {
	t, err := x.readToken()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it ends in the middle", errXML)
	}
	return t, err
}

func (x *xmlScanner) readToken() (tokenKind, error) {
	if !x.started {
		if err := x.checkStart(); err != nil {
			return tokenEnd, err
		}
	}
	for {
		if x.pos == x.end {
			if err := x.fill(); err != nil {
				if errors.Is(err, io.ErrUnexpectedEOF) && len(x.openNames) == 0 {
					return tokenEnd, nil
				}
				return tokenEnd, err
			}
		}
		if x.buf[x.pos] != '<' {
			return x.readText()
		}
		if x.end-x.pos < 2 {
			if err := x.fill(); err != nil {
				return tokenEnd, err
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
				return tokenEnd, errDTD
			}
		default:
			return x.readOpening()
		}
		if err != nil {
			return tokenEnd, err
		}
	}
}

// skipPast skips everything up to and including end, without holding it in memory.
func (x *xmlScanner) skipPast(end string, from int) error {
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

func (x *xmlScanner) readText() (tokenKind, error) {
	for from := 0; ; {
		if i := bytes.IndexByte(x.buf[x.pos+from:x.end], '<'); i >= 0 {
			x.text, x.cdata = x.buf[x.pos:x.pos+from+i], false
			x.pos += from + i
			break
		}
		from = x.end - x.pos
		if err := x.fill(); err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				return tokenEnd, longText(err)
			}
			x.text, x.cdata = x.buf[x.pos:x.end], false
			x.pos = x.end
			break
		}
	}
	if len(x.openNames) == 0 && len(bytes.TrimSpace(x.text)) > 0 {
		return tokenEnd, errXML // text outside the root element
	}
	return tokenText, nil
}

// longText says that what does not fit into the buffer is a text.
func longText(err error) error {
	if errors.Is(err, errLongTag) {
		return errLongText
	}
	return err
}

func (x *xmlScanner) readCDATA() (tokenKind, error) {
	const open = "<![CDATA["
	i, err := x.index("]]>", len(open))
	if err != nil {
		return tokenEnd, longText(err)
	}
	x.text, x.cdata = x.buf[x.pos+len(open):x.pos+i], true
	x.pos += i + len("]]>")
	return tokenText, nil
}

func (x *xmlScanner) readClosing() (tokenKind, error) {
	i, err := x.indexByte('>', 2)
	if err != nil {
		return tokenEnd, err
	}
	name := x.buf[x.pos+2 : x.pos+i]
	for len(name) > 0 && isSpace(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	x.pos += i + 1
	last := len(x.openNames) - 1
	if last < 0 || x.openNames[last] != hashName(name) {
		return tokenEnd, errXML
	}
	x.openNames = x.openNames[:last]
	x.name = localName(name)
	return tokenClose, nil
}

func (x *xmlScanner) readOpening() (tokenKind, error) {
	i, err := x.findTagEnd()
	if err != nil {
		return tokenEnd, err
	}
	tag := x.buf[x.pos+1 : x.pos+i]
	x.pos += i + 1
	x.empty = len(tag) > 0 && tag[len(tag)-1] == '/'
	if x.empty {
		tag = tag[:len(tag)-1]
	}
	end := 0
	for end < len(tag) && !isSpace(tag[end]) {
		switch tag[end] {
		case '<', '&', '"', '\'', '=':
			return tokenEnd, errXML
		}
		end++
	}
	name := tag[:end]
	x.attrs = tag[end:]
	if len(name) == 0 {
		return tokenEnd, errXML
	}
	x.name = localName(name)
	if x.empty {
		return tokenOpen, nil
	}
	if len(x.openNames) == maxDepth {
		return tokenEnd, fmt.Errorf("%w: elements nest too deeply", errXML)
	}
	x.openNames = append(x.openNames, hashName(name))
	return tokenOpen, nil
}

// findTagEnd returns the offset at which the tag at pos ends: at a '>' that is not
// quoted.
func (x *xmlScanner) findTagEnd() (int, error) {
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
