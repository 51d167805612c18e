package inspect

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rollcall.example/events"
	"rollcall.example/events/spelling"
	"rollcall.example/services/workbook"
)

// maxValue is how many characters of a cell are shown.
const maxValue = 60

// A masked number keeps as many digits at its beginning and at its end.
const shownFirst, shownLast = 6, 2

// maskCell returns the text of a cell without ID numbers, cut where it is long. In the
// column of ID numbers, a number that is none because of a slip is masked too.
func maskCell(cell workbook.Cell, id bool) string {
	text := cell.Text
	plain := plainDigits(text)
	switch number := strings.TrimSpace(plain); {
	case id:
		text = maskDigits(plain)
	case events.HasID(plain), spelling.HasNumber(plain):
		if text = events.MaskIDs(plain); spelling.HasNumber(text) {
			text = maskDigits(text)
		}
	case cell.Numeric() && len(number) < spelling.Length && len(number) >= spelling.Length-3 && isNumber(number):
		// A spreadsheet has eaten the zeros that an ID number began with.
		if whole := strings.Repeat("0", spelling.Length-len(number)) + number; spelling.IsValid(whole) {
			text = maskDigits(number)
		}
	}
	if utf8.RuneCountInString(text) > maxValue {
		text = string([]rune(text)[:maxValue-1]) + "…"
	}
	return strings.Clone(text) // the cell's text belongs to the text of many rows
}

// maskDigits hides the digits of a text but for the first and the last ones.
func maskDigits(text string) string {
	count := 0
	for _, r := range text {
		if r >= '0' && r <= '9' {
			count++
		}
	}
	n := 0
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return r
		}
		if n++; n > shownFirst && n <= count-shownLast {
			return '*'
		}
		return r
	}, text)
}

// plainDigits returns a text with its digits, however they are written, as 0 to 9, and
// without what is invisible. A text that needs none of it comes back as it is.
func plainDigits(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Pd, r):
			return '-'
		}
		if digit, ok := digits()[r]; ok {
			return digit
		}
		return r
	}, norm.NFKC.String(text))
}

// digits maps a digit of any writing to the one of 0 to 9.
var digits = sync.OnceValue(func() map[rune]rune {
	all := make(map[rune]rune)
	from, to := spelling.Digits()
	plain := []rune(to)
	for i, r := range []rune(from) {
		all[r] = plain[i]
	}
	return all
})

func isNumber(text string) bool { return strings.Trim(text, "0123456789") == "" }
