package spelling

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Written is an ID number as it stands in a text.
type Written struct {
	From, To int    // bytes of the text
	ID       string // 13 digits
}

// AllWritten yields the ID numbers of a text in their order, as logs mask them. A number
// counts as one when its 13 digits begin with a month and a day that exist. Digits in
// groups within a longer name, such as a UUID, are parts of that name. A number that lost
// its leading zeros has to be valid and to stand alone.
func AllWritten(text string) iter.Seq[Written] {
	return func(yield func(Written) bool) {
		if fewDigits(text, leastShort) {
			return
		}
		powers := findScientific(text)
		afterDigit := false
		for i := 0; i < len(text); {
			c, size := utf8.DecodeRuneInString(text[i:])
			_, isDigit := valueOf(c)
			if !isDigit || afterDigit { // only a number's first digit begins one
				afterDigit, i = isDigit, i+size
				continue
			}
			for len(powers) > 0 && powers[0].at.from < i {
				powers = powers[1:]
			}
			w, ok := writtenAt(text, i, powers)
			if !ok {
				afterDigit, i = true, i+size
				continue
			}
			if !yield(w) {
				return
			}
			i = w.To
		}
	}
}

// writtenAt returns the ID number that begins at from.
func writtenAt(text string, from int, powers []scientificNumber) (Written, bool) {
	if len(powers) > 0 && powers[0].at.from == from {
		if n := powers[0]; n.point && n.missing <= 1 {
			if id, ok := n.id(); ok || len(n.digits) == Length && isBirthday(n.digits) {
				if !ok {
					id = n.digits
				}
				return Written{n.at.from, n.at.to, id}, true
			}
		}
	}
	if w, ok := wholeAt(text, from); ok {
		return w, true
	}
	return shortAt(text, from)
}

// wholeAt returns the number of thirteen digits that begins at from.
func wholeAt(text string, from int) (w Written, ok bool) {
	var digits [Length]byte
	n, grouped, separated := 0, false, false
	for i := from; i < len(text) && n < Length; {
		c, size := utf8.DecodeRuneInString(text[i:])
		i += size
		digit, isDigit := valueOf(c)
		switch {
		case isDigit:
			digits[n], separated, w.To = '0'+digit, false, i
			n++
		case IsInvisible(c):
		case isSeparator(narrow(c)) && !separated:
			grouped, separated = true, true
		default:
			return w, false
		}
	}
	w.From, w.ID = from, string(digits[:])
	before, after := around(text, from, w.To)
	if _, longer := valueOf(after); n < Length || longer || !isBirthday(w.ID) {
		return w, false
	}
	return w, !grouped || !isLetter(before) && !isLetter(after)
}

// shortAt returns the number that begins at from and is a valid ID number with the
// leading zeros that it has lost.
func shortAt(text string, from int) (w Written, ok bool) {
	digits := make([]byte, 0, Length)
	for i := from; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		i += size
		if digit, ok := valueOf(c); ok && len(digits) < Length {
			digits, w.To = append(digits, '0'+digit), i
		} else if !IsInvisible(c) {
			break
		}
	}
	w.From = from
	before, after := around(text, from, w.To)
	if isPart(before) || strings.ContainsRune(".+", before) || isPart(after) || after == ':' {
		return w, false
	}
	if after == '.' {
		places := strings.TrimLeft(text[w.To:], ".")
		places = places[:len(places)-len(strings.TrimLeft(places, "0123456789"))]
		if strings.Trim(places, "0") != "" {
			return w, false // a fraction
		}
	}
	w.ID, ok = restore(string(digits))
	return w, ok
}

// around returns the characters before and after a part of a text, 0 for none, what is
// invisible aside.
func around(text string, from, to int) (before, after rune) {
	for from > 0 && (before == 0 || IsInvisible(before)) {
		c, size := utf8.DecodeLastRuneInString(text[:from])
		before, from = c, from-size
	}
	for to < len(text) && (after == 0 || IsInvisible(after)) {
		c, size := utf8.DecodeRuneInString(text[to:])
		after, to = c, to+size
	}
	return narrow(before), narrow(after)
}

// isPart reports whether a character beside digits makes them a part of a longer name.
func isPart(c rune) bool {
	_, isDigit := valueOf(c)
	return isDigit || isLetter(c) || isDash(c) || c == '_' || c == '/'
}

func isLetter(c rune) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isSeparator reports whether a character may stand between groups of digits.
func isSeparator(c rune) bool {
	return c == '.' || c == '/' || c == '_' || isDash(c) || unicode.Is(unicode.Zs, c)
}

// isBirthday reports whether digits begin with YYMMDD.
func isBirthday(digits string) bool {
	month, day := digits[2:4], digits[4:6]
	return "01" <= month && month <= "12" && "01" <= day && day <= "31"
}
