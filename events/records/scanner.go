package records

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxDepth is how deep objects and arrays may nest, as in encoding/json.
const maxDepth = 10_000

var (
	errSyntax  = errors.New("invalid JSON")
	errInteger = errors.New("not an integer")
	errTime    = errors.New("not a time of RFC 3339")
)

// scanner reads a line of JSON into a record without reflection. The result is
// that of encoding/json: names match regardless of case, null leaves a value as
// it is, unknown names are skipped, the last of several values of a name
// counts, and invalid UTF-8 becomes U+FFFD.
//
// Texts without escapes share the memory of the line. After an error the
// scanner reads nothing more; err says what was wrong, without a quote of the
// line.
type scanner struct {
	text  string
	at    int
	depth int
	// first is set after an opening bracket.
	first bool
	err   error
	// entries and elements are the lengths of the last map and the last list of
	// texts. The next ones are allocated with that size.
	entries, elements int
}

// maxSizeHint limits entries and elements, so that one long line does not make
// all later ones large.
const maxSizeHint = 256

// object is what the scanner can fill.
type object interface {
	// names returns the names of all members.
	names() []string
	// scan reads the value of a member. It returns false when there is no
	// member of that name.
	scan(s *scanner, name string) bool
}

// record is a Record that the scanner can fill and the writer can write.
type record interface {
	object
	// append appends the line as encoding/json writes it, without the escapes
	// for HTML.
	append(line []byte) ([]byte, error)
	// reset empties the record. Its map and its list of texts may keep their
	// memory.
	reset()
}

// record reads a whole line.
func (s *scanner) record(line string, r record) error {
	*s = scanner{text: line, entries: s.entries, elements: s.elements}
	s.object(r)
	if s.next() != 0 || s.at != len(s.text) {
		s.fail(errSyntax)
	}
	return s.err
}

// fail keeps the first error and ends the scan.
func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = fmt.Errorf("byte %d: %w", s.at+1, err)
	}
	s.at = len(s.text)
}

// next returns the next byte that is not white space, without consuming it; 0
// at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// null consumes a null and reports whether there was one.
func (s *scanner) null() bool {
	if s.next() != 'n' || !strings.HasPrefix(s.text[s.at:], "null") {
		return false
	}
	s.at += len("null")
	return true
}

// open consumes the bracket that begins an object or an array.
func (s *scanner) open(bracket byte) {
	if s.depth++; s.next() != bracket || s.depth > maxDepth {
		s.fail(errSyntax)
		return
	}
	s.at++
	s.first = true
}

// more reports whether another element follows. If not, it consumes the closing
// bracket.
func (s *scanner) more(bracket byte) bool {
	c := s.next()
	first := s.first
	s.first = false
	switch {
	case s.err != nil:
		return false
	case c == bracket:
		s.at++
		s.depth--
		return false
	case first:
	case c == ',':
		s.at++
	default:
		s.fail(errSyntax)
	}
	return s.err == nil
}

// name consumes the name of a member and its colon.
func (s *scanner) name() string {
	name := s.quoted()
	if s.next() != ':' {
		s.fail(errSyntax)
		return ""
	}
	s.at++
	return name
}

func (s *scanner) object(o object) {
	if s.null() {
		return
	}
	for s.open('{'); s.more('}'); {
		name := s.name()
		if o.scan(s, name) {
			continue
		}
		folded := slices.IndexFunc(o.names(), func(known string) bool { return strings.EqualFold(known, name) })
		if folded < 0 {
			s.skip()
			continue
		}
		o.scan(s, o.names()[folded])
	}
}

// scanText reads a text into p.
func scanText[S ~string](s *scanner, p *S) {
	if !s.null() {
		*p = S(s.quoted())
	}
}

func (s *scanner) integer(p *int) {
	if s.null() {
		return
	}
	n, err := strconv.Atoi(s.number())
	if err != nil {
		s.fail(errInteger)
		return
	}
	*p = n
}

// scanList reads an array into p and reuses its memory. Value reads one
// element.
func scanList[T any](s *scanner, p *[]T, value func(*T)) {
	if s.null() {
		*p = nil
		return
	}
	n := 0
	for s.open('['); s.more(']'); n++ {
		if n >= cap(*p) {
			*p = slices.Grow(*p, 1)
		}
		if n >= len(*p) {
			*p = (*p)[:n+1]
		}
		value(&(*p)[n])
	}
	if *p = (*p)[:n]; n == 0 {
		*p = []T{}
	}
}

func (s *scanner) integers(p *[]int) { scanList(s, p, s.integer) }

// scanObjects reads an array of objects into p.
func scanObjects[T any, P interface {
	*T
	object
}](s *scanner, p *[]T) {
	scanList(s, p, func(element *T) { s.object(P(element)) })
}

func (s *scanner) texts(p *[]string) {
	if *p == nil {
		*p = make([]string, 0, s.elements)
	}
	scanList(s, p, func(text *string) { scanText(s, text) })
	s.elements = min(len(*p), maxSizeHint)
}

// textMap reads an object of texts into p.
func (s *scanner) textMap(p *map[string]string) {
	if s.null() {
		*p = nil
		return
	}
	if *p == nil {
		*p = make(map[string]string, s.entries)
	}
	for s.open('{'); s.more('}'); {
		name := s.name()
		var text string
		scanText(s, &text)
		if s.err == nil {
			(*p)[name] = text
		}
	}
	s.entries = min(len(*p), maxSizeHint)
}

func (s *scanner) time(p *time.Time) {
	raw := s.raw()
	if s.err != nil || raw == "null" {
		return
	}
	if err := p.UnmarshalJSON([]byte(raw)); err != nil {
		s.fail(errTime)
	}
}

// raw consumes a value and returns its JSON text.
func (s *scanner) raw() string {
	s.next()
	from := s.at
	s.skip()
	return s.text[from:s.at]
}

// skip consumes any value.
func (s *scanner) skip() {
	switch c := s.next(); {
	case c == '"':
		s.quoted()
	case c == '{':
		for s.open('{'); s.more('}'); {
			s.name()
			s.skip()
		}
	case c == '[':
		for s.open('['); s.more(']'); {
			s.skip()
		}
	case c == '-' || '0' <= c && c <= '9':
		s.number()
	case s.null():
	default:
		for _, word := range []string{"true", "false"} {
			if strings.HasPrefix(s.text[s.at:], word) {
				s.at += len(word)
				return
			}
		}
		s.fail(errSyntax)
	}
}
