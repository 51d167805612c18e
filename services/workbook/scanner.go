package workbook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxToken is the longest tag or text between two tags that is read, in bytes. A
// cell has at most 32,767 characters.
const maxToken = 4 << 20

// maxDepth is how deep elements may be nested.
const maxDepth = 256

// errXML says that a part is no XML that could be read on; it holds nothing of
// the part.
var errXML = errors.New("malformed XML")

var (
	errDTD     = fmt.Errorf("%w: a document type definition", errXML)
	errUTF16   = fmt.Errorf("%w: not in UTF-8", errXML)
	errTooLong = fmt.Errorf("%w: a text longer than any cell", errXML)
)

type token uint8

const (
	atEnd   token = iota // of the document
	opens                // an element; one that closes itself has empty set
	closes               // an element
	hasText              // between tags
)

// scanner reads XML as spreadsheet programs write it: a token at a time, in a
// buffer that is used again. It knows entities, references, CDATA, comments
// and any prefix, and refuses document types and what is not nested well.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	eof      bool

	// Of the token just read, until the next one is: the name without prefix,
	// the text of the attributes, the raw text.
	name, attrs, text []byte
	empty             bool // of an element without content
	cdata             bool // of a text that is what it looks like

	nest    []uint32 // hashes of the names of the open elements
	started bool
}

func newScanner(r io.Reader) *scanner { return &scanner{r: r, buf: make([]byte, 64<<10)} }

// fill reads on. What was not looked at moves to the buffer's beginning.
func (x *scanner) fill() error {
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
			return errTooLong
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

// find returns where what is next found, counted from pos, from the offset on.
func (x *scanner) find(what string, from int) (int, error) {
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

// findByte is find for a single one.
func (x *scanner) findByte(what byte, from int) (int, error) {
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

// has says whether the text goes on with prefix.
func (x *scanner) has(prefix string) bool {
	for x.end-x.pos < len(prefix) {
		if x.fill() != nil {
			return false
		}
	}
	return string(x.buf[x.pos:x.pos+len(prefix)]) == prefix
}

// next reads a token. An error that is not the reader's own wraps errXML.
func (x *scanner) next() (token, error) {
	t, err := x.read()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it ends in the middle", errXML)
	}
	return t, err
}

func (x *scanner) read() (token, error) {
	if !x.started {
		if err := x.start(); err != nil {
			return atEnd, err
		}
	}
	for {
		if x.pos == x.end {
			if err := x.fill(); err != nil {
				if errors.Is(err, io.ErrUnexpectedEOF) && len(x.nest) == 0 {
					return atEnd, nil
				}
				return atEnd, err
			}
		}
		if x.buf[x.pos] != '<' {
			return x.readText()
		}
		if x.end-x.pos < 2 {
			if err := x.fill(); err != nil {
				return atEnd, err
			}
		}
		var err error
		switch x.buf[x.pos+1] {
		case '/':
			return x.readClosing()
		case '?':
			err = x.skipTo("?>", 2)
		case '!':
			switch {
			case x.has("<!--"):
				err = x.skipTo("-->", 4)
			case x.has("<![CDATA["):
				return x.readCDATA()
			default:
				return atEnd, errDTD
			}
		default:
			return x.readOpening()
		}
		if err != nil {
			return atEnd, err
		}
	}
}

// start drops a byte order mark, and refuses what is not in UTF-8.
func (x *scanner) start() error {
	x.started = true
	if x.has("\xEF\xBB\xBF") {
		x.pos += 3
	}
	if x.has("\xFF\xFE") || x.has("\xFE\xFF") || x.has("<\x00") || x.has("\x00<") {
		return errUTF16
	}
	if !x.has("<") && x.eof && x.pos == x.end {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// skipTo drops what is up to and with the end, without holding it.
func (x *scanner) skipTo(end string, from int) error {
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

func (x *scanner) readText() (token, error) {
	for from := 0; ; {
		if i := bytes.IndexByte(x.buf[x.pos+from:x.end], '<'); i >= 0 {
			x.text, x.cdata = x.buf[x.pos:x.pos+from+i], false
			x.pos += from + i
			break
		}
		from = x.end - x.pos
		if err := x.fill(); err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				return atEnd, err
			}
			x.text, x.cdata = x.buf[x.pos:x.end], false
			x.pos = x.end
			break
		}
	}
	if len(x.nest) == 0 && len(bytes.TrimSpace(x.text)) > 0 {
		return atEnd, errXML // text beside the document
	}
	return hasText, nil
}

func (x *scanner) readCDATA() (token, error) {
	const open = "<![CDATA["
	i, err := x.find("]]>", len(open))
	if err != nil {
		return atEnd, err
	}
	x.text, x.cdata = x.buf[x.pos+len(open):x.pos+i], true
	x.pos += i + len("]]>")
	return hasText, nil
}

func (x *scanner) readClosing() (token, error) {
	i, err := x.findByte('>', 2)
	if err != nil {
		return atEnd, err
	}
	name := x.buf[x.pos+2 : x.pos+i]
	for len(name) > 0 && space(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	x.pos += i + 1
	last := len(x.nest) - 1
	if last < 0 || x.nest[last] != hash(name) {
		return atEnd, errXML
	}
	x.nest = x.nest[:last]
	x.name = local(name)
	return closes, nil
}

func (x *scanner) readOpening() (token, error) {
	i, err := x.tagEnd()
	if err != nil {
		return atEnd, err
	}
	tag := x.buf[x.pos+1 : x.pos+i]
	x.pos += i + 1
	x.empty = len(tag) > 0 && tag[len(tag)-1] == '/'
	if x.empty {
		tag = tag[:len(tag)-1]
	}
	end := 0
	for end < len(tag) && !space(tag[end]) {
		switch tag[end] {
		case '<', '&', '"', '\'', '=':
			return atEnd, errXML
		}
		end++
	}
	name := tag[:end]
	x.attrs = tag[end:]
	if len(name) == 0 {
		return atEnd, errXML
	}
	x.name = local(name)
	if x.empty {
		return opens, nil
	}
	if len(x.nest) == maxDepth {
		return atEnd, fmt.Errorf("%w: nested too deeply", errXML)
	}
	x.nest = append(x.nest, hash(name))
	return opens, nil
}

// tagEnd is where the tag that begins at pos ends: at a '>' that is not quoted.
func (x *scanner) tagEnd() (int, error) {
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

// skip reads to the end of the element that was just opened.
func (x *scanner) skip() error {
	if x.empty {
		return nil
	}
	for depth := len(x.nest); len(x.nest) >= depth; {
		if t, err := x.next(); err != nil {
			return err
		} else if t == atEnd {
			return errXML
		}
	}
	return nil
}

// content appends the text of the element that was just opened, without that of
// elements in it, and reads to its end.
func (x *scanner) content(to []byte) ([]byte, error) {
	if x.empty {
		return to, nil
	}
	for depth := len(x.nest); ; {
		t, err := x.next()
		if err != nil {
			return to, err
		}
		switch t {
		case hasText:
			if to, err = appendText(to, x.text, x.cdata); err != nil {
				return to, err
			}
			if len(to) > maxToken {
				return to, errTooLong
			}
		case opens:
			if err := x.skip(); err != nil {
				return to, err
			}
		case closes:
			if len(x.nest) < depth {
				return to, nil
			}
		default:
			return to, errXML
		}
	}
}

// attribute returns the value of an attribute of the element that was just
// opened, of any prefix; nil where there is none. It fails where one is there
// twice or is none.
func (x *scanner) attribute(name string) (value []byte, err error) {
	err = x.attributes(func(n, v []byte) {
		if string(n) == name && value == nil {
			value = v
		}
	})
	if value == nil || err != nil || bytes.IndexByte(value, '&') < 0 {
		return value, err
	}
	return appendText(make([]byte, 0, len(value)), value, false)
}

// attributes visits the attributes, their values as they stand there.
func (x *scanner) attributes(visit func(name, value []byte)) error {
	rest := x.attrs
	for {
		for len(rest) > 0 && space(rest[0]) {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return nil
		}
		end := 0
		for end < len(rest) && rest[end] != '=' && !space(rest[end]) {
			if c := rest[end]; c == '<' || c == '>' || c == '"' || c == '\'' {
				return errXML
			}
			end++
		}
		name := rest[:end]
		for rest = rest[end:]; len(rest) > 0 && space(rest[0]); {
			rest = rest[1:]
		}
		if len(name) == 0 || len(rest) == 0 || rest[0] != '=' {
			return errXML
		}
		for rest = rest[1:]; len(rest) > 0 && space(rest[0]); {
			rest = rest[1:]
		}
		if len(rest) < 2 || rest[0] != '"' && rest[0] != '\'' {
			return errXML
		}
		close := bytes.IndexByte(rest[1:], rest[0])
		if close < 0 {
			return errXML
		}
		visit(local(name), rest[1:1+close])
		rest = rest[close+2:]
	}
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// local is a name without its prefix.
func local(name []byte) []byte {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == ':' {
			return name[i+1:]
		}
	}
	return name
}

// hash is FNV-1a.
func hash(name []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range name {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// appendText appends a text with its references resolved and its line ends as
// XML wants them. What XML cannot hold is an error.
func appendText(to, text []byte, cdata bool) ([]byte, error) {
	for len(text) > 0 {
		i := 0
		for i < len(text) && text[i] >= 0x20 && text[i] < utf8.RuneSelf && (text[i] != '&' || cdata) {
			i++
		}
		to = append(to, text[:i]...)
		if text = text[i:]; len(text) == 0 {
			break
		}
		switch c := text[0]; {
		case c == '&':
			r, size := reference(text)
			if size == 0 {
				return to, errXML
			}
			to = utf8.AppendRune(to, r)
			text = text[size:]
		case c == '\r':
			to = append(to, '\n')
			if text = text[1:]; len(text) > 0 && text[0] == '\n' {
				text = text[1:]
			}
		case c == '\t' || c == '\n':
			to = append(to, c)
			text = text[1:]
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text)
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				return to, errXML
			}
			to = append(to, text[:size]...)
			text = text[size:]
		default:
			return to, errXML
		}
	}
	return to, nil
}

// reference resolves the reference that text begins with; the size is 0 where it
// is none.
func reference(text []byte) (r rune, size int) {
	end := bytes.IndexByte(text[:min(len(text), 12)], ';')
	if end < 2 {
		return 0, 0
	}
	name := text[1:end]
	switch string(name) {
	case "amp":
		return '&', end + 1
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	}
	if name[0] != '#' {
		return 0, 0
	}
	digits, base := name[1:], rune(10)
	if len(digits) > 0 && digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if len(digits) == 0 {
		return 0, 0
	}
	for _, c := range digits {
		d := digit(c)
		if d < 0 || d >= base {
			return 0, 0
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, 0
		}
	}
	if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r >= 0xD800 && r < 0xE000 || r == 0xFFFE || r == 0xFFFF {
		return 0, 0
	}
	return r, end + 1
}

// digit is the value of a hexadecimal digit, -1 of anything else.
func digit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}
