package spelling

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// HasNumber reports whether a text has anybody's ID number: thirteen digits that a gap
// or the end of the text bounds, thirteen valid ones in a longer number, or a number that
// is a valid one once the leading zeros are back which a spreadsheet took.
func HasNumber(text string) bool { return len(findNumbers(text)) > 0 }

// HideNumbers returns the text with Erased in the place of every ID number that
// HasNumber sees.
func HideNumbers(text string) string {
	spans := findNumbers(text)
	for i := len(spans) - 1; i >= 0; i-- {
		text = text[:spans[i].from] + Erased + text[spans[i].to:]
	}
	return text
}

// Numbers returns every valid ID number of a text, as 13 digits.
func Numbers(text string) (list []string) {
	if fewDigits(text, leastShort) {
		return nil
	}
	for _, r := range readRuns(text, leastShort) {
		for from := 0; from+Length <= len(r.digits); from++ {
			if id := string(r.digits[from : from+Length]); IsValid(id) {
				list = append(list, id)
			}
		}
		for id := range r.restored() {
			list = append(list, id)
		}
	}
	for _, n := range findScientific(text) {
		if id, ok := n.id(); ok {
			list = append(list, id)
		}
	}
	return list
}

// restored yields the valid ID numbers that have lost leading zeros, and where they
// begin and end in the run.
func (r *run) restored() iter.Seq2[string, span] {
	return func(yield func(string, span) bool) {
		for from, to := 0, 0; from < len(r.digits); from = to {
			for to = from + 1; to < len(r.digits) && r.touches(to); {
				to++
			}
			if id, ok := restore(string(r.digits[from:to])); ok && !yield(id, span{from, to}) {
				return
			}
		}
	}
}

func findNumbers(text string) (spans []span) {
	if fewDigits(text, leastShort) {
		return nil
	}
	for _, r := range readRuns(text, leastShort) {
		for from := 0; from+Length <= len(r.digits); {
			if !isNumber(&r, from) {
				from++
				continue
			}
			spans = append(spans, span{r.from[from], r.to[from+Length-1]})
			from += Length
		}
		for _, at := range r.restored() {
			spans = append(spans, span{r.from[at.from], r.to[at.to-1]})
		}
	}
	for _, n := range findScientific(text) {
		if _, ok := n.id(); ok {
			spans = append(spans, n.at)
		}
	}
	return join(spans)
}

// join sorts spans and makes one of those that overlap.
func join(spans []span) (list []span) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for _, s := range spans {
		if n := len(list) - 1; n >= 0 && s.from < list[n].to {
			list[n].to = max(list[n].to, s.to)
			continue
		}
		list = append(list, s)
	}
	return list
}

// isNumber reports whether thirteen digits of a run are an ID number. Digits that stand
// together need not be valid ones: a mistyped number is somebody's too. Digits with
// gaps, such as a date and a time, have to be.
func isNumber(r *run, from int) bool {
	together := true
	for i := from + 1; i < from+Length; i++ {
		together = together && r.touches(i)
	}
	bounded := !r.touches(from) && !r.touches(from+Length)
	if together && bounded {
		return true
	}
	return (together || bounded) && IsValid(string(r.digits[from:from+Length]))
}

// IsValid reports whether thirteen digits are an ID number: with a date of birth and a
// check digit that is right.
func IsValid(id string) bool {
	if len(id) != Length {
		return false
	}
	sum := 0
	for i := range Length {
		n := int(id[Length-1-i]) - '0'
		if n < 0 || n > 9 {
			return false
		}
		if i%2 == 1 {
			n *= 2
			if n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	// 2000 is a leap year, as 1900 would have had to be for the 29 February 1900.
	_, err := time.Parse("20060102", "20"+id[:6])
	return sum%10 == 0 && (err == nil || id[2:6] == "0229")
}
