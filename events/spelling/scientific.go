package spelling

import (
	"strings"
	"unicode/utf8"
)

// scientificNumber is a number in scientific notation in a text.
type scientificNumber struct {
	digits  string // without leading zeros
	missing int    // of its last digits, which are zeros here
	point   bool   // it has decimal places, as spreadsheet programs write it
	at      span
}

// maxMantissa is how many bytes of a text before the exponent are looked at.
const maxMantissa = 128

// findScientific returns the numbers in scientific notation that may be ID numbers.
func findScientific(text string) (list []scientificNumber) {
	for i := 0; i < len(text); {
		j := strings.IndexAny(text[i:], "eEｅＥ")
		if j < 0 {
			return list
		}
		at := i + j
		_, size := utf8.DecodeRuneInString(text[at:])
		i = at + size
		power, to := readPower(text, i)
		if power == "" {
			continue
		}
		whole, fraction, from := readMantissa(text[:at])
		if whole == "" {
			continue
		}
		digits, missing, ok := expand(whole, fraction, power)
		if ok && len(digits) >= leastShort && len(digits) <= Length {
			list = append(list, scientificNumber{digits, missing, fraction != "", span{from, to}})
		}
	}
	return list
}

// readPower returns the digits of an exponent that begins at from, and where it ends; ""
// for none.
func readPower(text string, from int) (digits string, to int) {
	var power []byte
	plus := false
	for i := from; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		i += size
		digit, ok := valueOf(c)
		switch {
		case ok && len(power) == 3:
			return "", 0
		case ok:
			power, to = append(power, '0'+digit), i
		case IsInvisible(c):
		case narrow(c) == '+' && !plus && len(power) == 0:
			plus = true
		default:
			return string(power), to
		}
	}
	return string(power), to
}

// readMantissa returns the digits with which a text ends, before and after a point, and
// where they begin.
func readMantissa(text string) (whole, fraction string, from int) {
	least := len(text) - maxMantissa
	var digits []byte // the last one first
	point := -1       // how many digits stand behind it
	for i := len(text); i > 0 && i > least; {
		c, size := utf8.DecodeLastRuneInString(text[:i])
		i -= size
		digit, ok := valueOf(c)
		if c = narrow(c); ok {
			digits, from = append(digits, '0'+digit), i
		} else if (c == '.' || c == ',' || c == '٫') && point < 0 && len(digits) > 0 {
			point = len(digits)
		} else if !IsInvisible(c) {
			break
		}
	}
	for i, j := 0, len(digits)-1; i < j; i, j = i+1, j-1 {
		digits[i], digits[j] = digits[j], digits[i]
	}
	if point < 0 || point == len(digits) {
		return string(digits), "", from
	}
	return string(digits[:len(digits)-point]), string(digits[len(digits)-point:]), from
}

// id returns the valid ID number that a number is; false where it is none. A final zero
// may be missing, as the shortest notation leaves it out. Without a point it may be a part
// of a name in hexadecimal digits.
func (n scientificNumber) id() (id string, ok bool) {
	if n.missing > 1 || !n.point {
		return "", false
	}
	if len(n.digits) == Length {
		return n.digits, IsValid(n.digits)
	}
	return restore(n.digits)
}
