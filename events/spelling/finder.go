// Package spelling finds an ID number in a text, however it is written there: with
// spaces, dots and dashes, with invisible characters, in the digits of another
// writing, without its leading zeros, in scientific notation, masked, or in the
// middle of a longer text.
package spelling

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Length is the number of digits of an ID number.
const Length = 13

// Erased stands in the place of what was taken out of a text.
const Erased = "[erased]"

// Match says how a text names a person.
type Match int

// The matches, the surest last.
const (
	None Match = iota
	// Near means that the text has almost the number: one digit is wrong, missing or
	// too many, or two are exchanged. It may be somebody else's.
	Near
	// Masked means that the text has the number's first six and last two digits,
	// with signs instead of the others.
	Masked
	// Whole means that the text has the number.
	Whole
)

// Finder finds one ID number. It is safe for concurrent use.
type Finder struct {
	id string
	// short is the number without its leading zeros, "" if it has none or if too few
	// digits are left.
	short  string
	masked *regexp.Regexp
	near   [][]byte // with one digit less, or with two exchanged
}

// leastShort is how many digits a number without its leading zeros must have: no month
// is 00. Shorter ones are no ID numbers.
const leastShort = 10

// New returns a finder of an ID number of 13 digits.
func New(id string) *Finder {
	f := &Finder{id: id}
	if short := strings.TrimLeft(id, "0"); len(short) < len(id) && len(short) >= leastShort {
		f.short = short
	}
	f.masked = regexp.MustCompile(id[:6] + `\s*[*xX#?_.•●·∗＊…\-]{1,9}\s*` + id[Length-2:])
	for i := range id {
		f.near = append(f.near, []byte(id[:i]+id[i+1:]))
		if i > 0 && id[i] != id[i-1] {
			f.near = append(f.near, []byte(id[:i-1]+id[i:i+1]+id[i-1:i]+id[i+1:]))
		}
	}
	return f
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

// Find says how a text names the person.
func (f *Finder) Find(text string) Match {
	m, _ := f.find(text)
	return m
}

// find returns the best match, and where the number stands, whole or masked.
func (f *Finder) find(text string) (best Match, spans []span) {
	if fewDigits(text, 8) {
		return None, nil
	}
	for _, r := range readRuns(text, leastShort) {
		found := f.inRun(&r)
		if len(found) > 0 {
			best, spans = Whole, append(spans, found...)
		} else if f.nearly(&r) {
			best = max(best, Near)
		}
	}
	if found := f.scientific(text); len(found) > 0 {
		best, spans = Whole, append(spans, found...)
	}
	for _, at := range f.masked.FindAllStringIndex(text, -1) {
		best, spans = max(best, Masked), append(spans, span{at[0], at[1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return best, spans
}

// inRun returns where a run has the number.
func (f *Finder) inRun(r *run) (spans []span) {
	for at := 0; at < len(r.digits); {
		i := bytes.Index(r.digits[at:], []byte(f.id))
		if i < 0 {
			break
		}
		from, to := at+i, at+i+Length
		spans = append(spans, span{r.from[from], r.to[to-1]})
		at = to
	}
	if f.short == "" || len(spans) > 0 {
		return spans
	}
	for at := 0; at < len(r.digits); {
		i := bytes.Index(r.digits[at:], []byte(f.short))
		if i < 0 {
			break
		}
		from, to := at+i, at+i+len(f.short)
		// Part of a longer number is another number.
		if !r.touches(from) && !r.touches(to) {
			spans = append(spans, span{r.from[from], r.to[to-1]})
		}
		at = from + 1
	}
	return spans
}

// nearly reports whether a run has almost the number.
func (f *Finder) nearly(r *run) bool {
	if len(r.digits) < Length-1 {
		return false
	}
	for _, near := range f.near {
		if bytes.Contains(r.digits, near) {
			return true
		}
	}
	for from := 0; from+Length <= len(r.digits); from++ {
		wrong := 0
		for i := 0; i < Length && wrong < 2; i++ {
			if r.digits[from+i] != f.id[i] {
				wrong++
			}
		}
		if wrong < 2 || from+Length < len(r.digits) && hasOneMore(r.digits[from:from+Length+1], f.id) {
			return true
		}
	}
	return false
}

// hasOneMore reports whether the digits are those of id and one more among them.
func hasOneMore(digits []byte, id string) bool {
	i := 0
	for i < len(id) && digits[i] == id[i] {
		i++
	}
	return string(digits[i+1:]) == id[i:]
}

// scientific returns where the number is written with an exponent, with all its digits.
func (f *Finder) scientific(text string) (spans []span) {
	want := strings.TrimLeft(f.id, "0")
	for _, n := range findScientific(text) {
		if n.digits == want {
			spans = append(spans, n.at)
		}
	}
	return spans
}

// Blank returns the text with Erased in the place of the number, whole or masked, and
// in the place of the names. It returns the text itself, and false, if it has no
// number.
func (f *Finder) Blank(text string, names []string) (string, bool) {
	_, spans := f.find(text)
	if len(spans) == 0 {
		return text, false
	}
	var b strings.Builder
	done := 0
	for _, s := range spans {
		if s.from < done {
			done = max(done, s.to)
			continue
		}
		b.WriteString(text[done:s.from])
		b.WriteString(Erased)
		done = s.to
	}
	b.WriteString(text[done:])
	return BlankNames(b.String(), names), true
}

// BlankNames returns the text with Erased in the place of each of the names, whatever
// its case. A part of a longer word is left.
func BlankNames(text string, names []string) string {
	for _, name := range names {
		for at := 0; ; {
			from, to := indexWord(text[at:], name)
			if from < 0 {
				break
			}
			text = text[:at+from] + Erased + text[at+to:]
			at += from + len(Erased)
		}
	}
	return text
}

// HasWord reports whether a text has a word or several in a row, whatever their case.
func HasWord(text, word string) bool {
	from, _ := indexWord(text, word)
	return from >= 0
}

// indexWord returns where a word begins and ends in a text, or -1.
func indexWord(text, word string) (from, to int) {
	n := utf8.RuneCountInString(word)
	if n == 0 {
		return -1, -1
	}
	for from := 0; from < len(text); {
		if before, _ := utf8.DecodeLastRuneInString(text[:from]); from == 0 || !isWord(before) {
			to, left := from, n
			for left > 0 && to < len(text) {
				_, size := utf8.DecodeRuneInString(text[to:])
				to += size
				left--
			}
			after, _ := utf8.DecodeRuneInString(text[to:])
			if left == 0 && strings.EqualFold(text[from:to], word) && (to == len(text) || !isWord(after)) {
				return from, to
			}
		}
		_, size := utf8.DecodeRuneInString(text[from:])
		from += size
	}
	return -1, -1
}

func isWord(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.Is(unicode.Mn, c)
}
