package spelling

import (
	"iter"
	"regexp"
	"strings"
)

// An index says which texts may name whom, without a number in it: of each text it has
// the keys that KeysOf yields, hashed. Whoever looks for a person looks for all keys that
// their finder yields. If Find finds the person in a text, at least as Near, they have a
// key in common. The reverse is not so.

// shortMark and maskMark begin the keys of numbers that lost their leading zeros, and of
// masked ones.
const (
	shortMark = "s"
	maskMark  = "m"
)

// anyMasked is a masked number of anybody.
var anyMasked = regexp.MustCompile(`[0-9]{6}\s*[*xX#?_.•●·∗＊…\-]{1,9}\s*[0-9]{2}`)

// KeysOf yields the keys of a text. One may come several times.
func KeysOf(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if fewDigits(text, 8) {
			return
		}
		for _, r := range readRuns(text, leastShort) {
			if !keysOfRun(&r, yield) {
				return
			}
		}
		for _, n := range findScientific(text) {
			if !yield(shortMark + n.digits) {
				return
			}
		}
		for rest := text; ; {
			at := anyMasked.FindStringIndex(rest)
			if at == nil {
				return
			}
			if !yield(maskMark + rest[at[0]:at[0]+6] + rest[at[1]-2:at[1]]) {
				return
			}
			rest = rest[at[0]+1:] // two may share digits
		}
	}
}

// keysOfRun yields all parts of a run that are as long as an ID number, the run itself if
// it is one digit shorter, and the parts that stand alone and may have lost zeros.
func keysOfRun(r *run, yield func(string) bool) bool {
	n := len(r.digits)
	for from := 0; from+Length <= n; from++ {
		if !yield(string(r.digits[from : from+Length])) {
			return false
		}
	}
	if n == Length-1 && !yield(string(r.digits)) {
		return false
	}
	for from := range n {
		if r.digits[from] == '0' || r.touches(from) {
			continue
		}
		for to := from + leastShort; to < from+Length && to <= n; to++ {
			if digits := string(r.digits[from:to]); !r.touches(to) &&
				isBirthday("000"[:Length-len(digits)]+digits) && !yield(shortMark+digits) {
				return false
			}
		}
	}
	return true
}

// WithoutZeros returns the key of a number of which a text has lost the leading zeros.
func WithoutZeros(id string) string { return shortMark + strings.TrimLeft(id, "0") }

// Keys yields the keys that a text may have which names the person, or almost.
func (f *Finder) Keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		all := map[string]struct{}{f.id: {}, maskMark + f.id[:6] + f.id[Length-2:]: {},
			WithoutZeros(f.id): {}}
		for i := range f.id {
			less := f.id[:i] + f.id[i+1:]
			all[less] = struct{}{}
			for _, digit := range "0123456789" {
				d := string(digit)
				all[f.id[:i]+d+f.id[i+1:]] = struct{}{} // one is wrong
				// One is missing, in a longer run.
				all[d+less], all[less+d] = struct{}{}, struct{}{}
				// One is too many: the first thirteen, and the last.
				more := f.id[:i] + d + f.id[i:]
				all[more[:Length]], all[more[1:]] = struct{}{}, struct{}{}
			}
			if i > 0 {
				all[f.id[:i-1]+f.id[i:i+1]+f.id[i-1:i]+f.id[i+1:]] = struct{}{}
			}
		}
		for key := range all {
			if !yield(key) {
				return
			}
		}
	}
}
