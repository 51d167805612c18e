package spelling

import (
	"unicode"
	"unicode/utf8"
)

// maxGap is how many characters may stand between two digits of one number.
const maxGap = 32

// run is digits of a text with nothing but separators between them.
type run struct {
	digits []byte // '0' to '9'
	// from and to are where each digit begins and ends in the text, in bytes.
	from, to []int
}

// touches reports whether digit i follows the one before it without a gap.
func (r *run) touches(i int) bool { return i > 0 && i < len(r.digits) && r.from[i] == r.to[i-1] }

// readRuns returns the runs of a text that have at least least digits.
func readRuns(text string, least int) (list []run) {
	var now run
	gap := 0
	end := func() {
		if len(now.digits) >= least {
			list = append(list, now)
			now = run{}
		}
		now.digits, now.from, now.to, gap = now.digits[:0], now.from[:0], now.to[:0], 0
	}
	for i := 0; i < len(text); {
		c, size := rune(text[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(text[i:])
		}
		digit, isDigit := valueOf(c)
		switch {
		case isDigit:
			now.digits = append(now.digits, '0'+digit)
			now.from, now.to, gap = append(now.from, i), append(now.to, i+size), 0
		case len(now.digits) == 0, IsInvisible(c):
		case unicode.IsLetter(c), gap >= maxGap:
			end()
		default:
			gap++
		}
		i += size
	}
	end()
	return list
}

// valueOf returns the value of a digit of any writing, also of raised, lowered and
// circled ones.
func valueOf(c rune) (digit byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return byte(c - '0'), true
	case c < 0xb2:
		return 0, false
	case c == '\u00b2' || c == '\u00b3':
		return byte(c - '\u00b0'), true
	case c == '\u00b9':
		return 1, true
	case '\u2070' <= c && c <= '\u2079' && c != '\u2071':
		return byte(c - '\u2070'), true
	case '\u2080' <= c && c <= '\u2089':
		return byte(c - '\u2080'), true
	case '\u2460' <= c && c <= '\u2468':
		return byte(c-'\u2460') + 1, true
	case c == '\u24ea':
		return 0, true
	}
	return Decimal(c)
}

// Decimal returns the value of a digit with which numbers are written, in any writing.
func Decimal(c rune) (digit byte, ok bool) {
	if c < 0x660 {
		return byte(c - '0'), '0' <= c && c <= '9'
	}
	// Every writing has its ten digits in a row.
	for _, r := range unicode.Nd.R16 {
		if rune(r.Lo) <= c && c <= rune(r.Hi) {
			return byte((c - rune(r.Lo)) % 10), true
		}
	}
	for _, r := range unicode.Nd.R32 {
		if rune(r.Lo) <= c && c <= rune(r.Hi) {
			return byte((c - rune(r.Lo)) % 10), true
		}
	}
	return 0, false
}

// Digits returns all characters that Find reads as digits, and the digit of each at
// the same place. A database can prepare texts with them.
func Digits() (characters, digits string) {
	var from, to []rune
	for c := rune(0xb2); c <= 0x1fbf9; c++ {
		if d, ok := valueOf(c); ok {
			from, to = append(from, c), append(to, rune('0'+d))
		}
	}
	return string(from), string(to)
}

// fewDigits reports in one pass over the bytes that a text cannot hold n digits.
func fewDigits(text string, n int) bool {
	if len(text) < n {
		return true
	}
	for i := range len(text) {
		if c := text[i]; c-'0' < 10 || c >= utf8.RuneSelf {
			if n--; n == 0 {
				return false
			}
		}
	}
	return true
}
