package spelling

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fault says why a text is no ID number.
type Fault int

// The faults of a Reading.
const (
	// Fine means that there are thirteen digits. Whether they are valid is another
	// question, which IsValid answers.
	Fine Fault = iota
	// Missing means that the text says nothing.
	Missing
	// OtherSigns means that there are signs that are neither digits nor separators.
	OtherSigns
	// WrongLength means that there are fewer or more digits than thirteen.
	WrongLength
	// LostDigits means that the text is a number in scientific notation which has not
	// all its digits.
	LostDigits
)

// Reading is what the text of a cell says as an ID number.
type Reading struct {
	Digits string // 13 digits; "" with a fault
	// Zeros is how many of them are leading zeros that the text does not have.
	Zeros int
	Fault Fault
}

// leastScientific and mostScientific are how many digits a number in scientific
// notation has that may have been an ID number.
const (
	leastScientific = leastShort
	mostScientific  = 15
)

// standTogether reports whether nothing stands between the first and the last digit of a
// text but digits and the given signs.
func standTogether(text, signs string) bool {
	first, last := strings.IndexFunc(text, unicode.IsDigit), strings.LastIndexFunc(text, unicode.IsDigit)
	return first >= 0 && !strings.ContainsFunc(text[first:last], func(r rune) bool {
		return !unicode.IsDigit(r) && !strings.ContainsRune(signs, r)
	})
}

// Read reads the text of a cell as an ID number: in the digits of any writing, with
// spaces, dashes and what is invisible, with the signs by which people tell spreadsheet
// programs that it is a text, with the decimal places that programs append, and in
// scientific notation that has all digits. It puts leading zeros back where numeric, or
// the notation, says that the text was stored as a number, and where check digit and date
// then agree.
func Read(text string, numeric bool) Reading {
	plain := text
	if len(text) != Length || !isDigits(text) {
		plain = clean(text)
	}
	if plain == "" {
		return Reading{Fault: Missing}
	}
	signs := ""
	if !isDigits(plain) {
		whole, lost, ok := readNumber(plain)
		switch {
		case !ok:
			return Reading{Fault: OtherSigns}
		case lost:
			return Reading{Fault: LostDigits}
		}
		plain, numeric, signs = whole, true, ".,eE+-"
	}
	if len(plain) == Length {
		return Reading{Digits: plain}
	}
	// What was stored as a number has no gaps.
	if id, ok := restore(plain); ok && numeric && standTogether(text, signs) {
		return Reading{Digits: id, Zeros: Length - len(plain)}
	}
	return Reading{Fault: WrongLength}
}

// restore puts the leading zeros back that a number cannot have; false where the result
// is no valid ID number. Ten digits are somebody born from January to September 2000.
func restore(digits string) (id string, ok bool) {
	if len(digits) < leastShort || len(digits) >= Length || digits[0] == '0' {
		return "", false
	}
	id = "000"[:Length-len(digits)] + digits
	return id, IsValid(id)
}

// quotes are signs around a text that tell a spreadsheet program that it is one, also as
// word processors change them.
const quotes = "'\"`´‘’‚‛“”„‟ʼʹ′"

// clean returns a text with plain digits and signs, and without what may stand between
// or around the digits of an ID number.
func clean(text string) string {
	out := make([]byte, 0, len(text))
	for _, c := range text {
		if digit, ok := Decimal(c); ok {
			out = append(out, '0'+digit)
			continue
		}
		switch c = narrow(c); {
		case isDash(c):
			if len(out) > 0 && out[len(out)-1]|0x20 == 'e' {
				out = append(out, '-') // of an exponent
			}
		case !unicode.IsSpace(c) && !IsInvisible(c):
			out = utf8.AppendRune(out, c)
		}
	}
	plain := string(out)
	if formula, ok := strings.CutPrefix(strings.TrimLeft(plain, quotes), "="); ok && strings.HasPrefix(formula, `"`) {
		plain = formula
	}
	return strings.Trim(plain, quotes)
}

// readNumber returns the digits of a number with decimal places or an exponent. Lost says
// that its last digits are not there; false that it is no whole number.
func readNumber(plain string) (digits string, lost, ok bool) {
	mantissa, power := plain, ""
	if i := strings.IndexAny(plain, "eE"); i >= 0 {
		mantissa, power = plain[:i], strings.TrimPrefix(plain[i+1:], "+")
		if !isDigits(power) {
			return "", false, false
		}
	}
	whole, fraction := mantissa, ""
	if i := strings.IndexAny(mantissa, ".,٫"); i >= 0 {
		_, size := utf8.DecodeRuneInString(mantissa[i:])
		if whole, fraction = mantissa[:i], mantissa[i+size:]; !isDigits(fraction) {
			return "", false, false
		}
	}
	if !isDigits(whole) {
		return "", false, false
	}
	if power == "" {
		return whole, false, strings.Trim(fraction, "0") == ""
	}
	digits, missing, ok := expand(whole, fraction, power)
	if n := len(digits); missing > 0 && (n < leastScientific || n > mostScientific) {
		return "", false, false
	}
	return digits, missing > 0, ok
}

// expand returns the digits of a number in scientific notation, and how many of its last
// ones the notation does not have and are zeros here; false where it is no whole number
// or a large one.
func expand(whole, fraction, power string) (digits string, missing int, ok bool) {
	exponent := 0
	for i := range len(power) {
		if exponent = exponent*10 + int(power[i]-'0'); exponent > 2*mostScientific {
			return "", 0, false
		}
	}
	all, point := whole+fraction, len(whole)+exponent
	if point < len(all) {
		if strings.Trim(all[point:], "0") != "" {
			return "", 0, false
		}
		all = all[:point]
	}
	missing = point - len(all)
	return strings.TrimLeft(all, "0") + strings.Repeat("0", missing), missing, true
}

// narrow returns the plain form of a wide sign.
func narrow(c rune) rune {
	if c >= 0xff01 && c <= 0xff5e {
		return c - 0xff01 + '!'
	}
	return c
}

func isDash(c rune) bool {
	return c == '-' || c >= utf8.RuneSelf && (unicode.Is(unicode.Pd, c) || c == '\u2212')
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// IsInvisible reports whether a character shows nothing and takes no room: joiners, marks
// of order and direction, soft hyphens, fillers, control characters. Spaces are none.
func IsInvisible(c rune) bool {
	if c < utf8.RuneSelf {
		return c < ' ' && !unicode.IsSpace(c) || c == 0x7f
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		c == '\u2800' // the Braille pattern without dots
}

// Plain returns a text with plain digits, signs, dashes and spaces, and without what is
// invisible.
func Plain(text string) string {
	odd := func(c rune) bool { return c >= utf8.RuneSelf || c < ' ' || c == 0x7f }
	if strings.IndexFunc(text, odd) < 0 {
		return text
	}
	return strings.Map(func(c rune) rune {
		if digit, ok := Decimal(c); ok {
			return rune('0' + digit)
		}
		switch c = narrow(c); {
		case IsInvisible(c):
			return -1
		case unicode.IsSpace(c):
			return ' '
		case isDash(c):
			return '-'
		}
		return c
	}, text)
}
