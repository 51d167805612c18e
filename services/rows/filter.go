package rows

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
)

// Filter says which rows are wanted; the zero value wants all.
type Filter struct {
	has   set
	codes []string
	// words stand in the name, all of them, and end ends the ID number.
	words []string
	end   string
}

const (
	maxSearch = 100 // characters
	maxCodes  = 20
)

// ParseFilter reads the parameters status, code and q. Status and code may be several,
// by commas or by being repeated: then a row with any of them is wanted. Q is words of
// a name or the last digits of an ID number. A whole ID number is refused: addresses
// end up in logs. The error is a *refusal.Error, and repeats nothing of q.
func ParseFilter(q url.Values) (f Filter, err error) {
	for _, name := range listOf(q["status"]) {
		if name == waiting {
			name = records.Transfer
		}
		s := setOf(name)
		if s == 0 {
			return f, &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"statuses": statuses},
				Message: "There is no such status of a row. There are " + strings.Join(statuses, ", ") + "."}
		}
		f.has |= s
	}
	f.codes = listOf(q["code"])
	slices.Sort(f.codes) // a cursor is bound to them, in whichever order they come
	if len(f.codes) > maxCodes {
		return f, refusal.New(refusal.CodeBadRequest, fmt.Sprintf("Ask for at most %d codes.", maxCodes))
	}
	err = f.parseSearch(q.Get("q"))
	return f, err
}

// listOf splits parameters at commas.
func listOf(parameters []string) (list []string) {
	for _, p := range parameters {
		for part := range strings.SplitSeq(p, ",") {
			if part = strings.TrimSpace(part); part != "" && !slices.Contains(list, part) {
				list = append(list, part)
			}
		}
	}
	return list
}

func (f *Filter) parseSearch(q string) error {
	if utf8.RuneCountInString(q) > maxSearch || !utf8.ValidString(q) {
		return refusal.New(refusal.CodeBadRequest, fmt.Sprintf("Search for %d characters at most.", maxSearch))
	}
	digits := 0
	for _, r := range q {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits > endDigits || events.HasID(q) {
		return &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"parameter": "q"},
			Message: fmt.Sprintf("Search for the last digits of an ID number, %d at most: "+
				"a whole one must not stand in an address, which is logged on its way.", endDigits)}
	}
	if end := strings.NewReplacer(" ", "", "-", "").Replace(q); isDigits(end) {
		f.end = end
		return nil
	}
	f.words = strings.Fields(foldName(q))
	return nil
}

// foldName returns a name as searches see it: in small letters and without marks.
func foldName(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return strings.ToLower(strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Mn, r) {
					return -1
				}
				return r
			}, norm.NFKD.String(name)))
		}
	}
	return strings.ToLower(name)
}

// condition is a filter as one index knows it.
type condition struct {
	has   set
	codes []int
	bits  uint64
	words [][]byte
	end   []byte
}

// in returns the filter with the numbers that an index has for its codes; false where
// no row can pass.
func (f Filter) in(codes []string) (c condition, ok bool) {
	c.has, c.end = f.has, []byte(f.end)
	for _, word := range f.words {
		c.words = append(c.words, []byte(word))
	}
	for _, code := range f.codes {
		if i := slices.Index(codes, code); i >= 0 {
			c.codes = append(c.codes, i)
			c.bits |= 1 << min(i, otherCode)
		}
	}
	return c, len(f.codes) == 0 || len(c.codes) > 0
}

// mayBeIn reports whether a row of the block may pass.
func (c *condition) mayBeIn(b *block) bool {
	return (c.has == 0 || c.has&b.Has != 0) && (c.bits == 0 || c.bits&b.Codes != 0)
}

// holds reports whether a row passes.
func (c *condition) holds(has set, codes []int, search, end []byte) bool {
	if c.has != 0 && c.has&has == 0 || !bytes.HasSuffix(end, c.end) {
		return false
	}
	if c.codes != nil && !slices.ContainsFunc(codes, func(i int) bool { return slices.Contains(c.codes, i) }) {
		return false
	}
	for _, word := range c.words {
		if !bytes.Contains(search, word) {
			return false
		}
	}
	return true
}
