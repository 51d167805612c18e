package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// idDigits is how many digits an ID number has.
const idDigits = 13

// MaskID hides the middle of an ID number: 800101*****87. It hides every
// character of a text that is not 13 characters long.
func MaskID(id string) string {
	if len(id) != idDigits {
		return "*************"
	}
	return id[:6] + "*****" + id[11:]
}

// MaskIDs hides the middle of each ID number in a text, also of those that are
// written in groups, such as "800101 5009 087". A number counts as one when its 13
// digits begin with a month and a day that exist, whatever its check digit says:
// a slip of the pen is still somebody's. Without any it returns text as it is.
func MaskIDs(text string) string {
	var masked strings.Builder
	kept := 0 // bytes of text that are in masked
	for i := 0; i < len(text); i++ {
		if !isDigit(text[i]) || i > 0 && isDigit(text[i-1]) {
			continue // only a number's first digit begins one
		}
		end := findID(text, i)
		if end == 0 {
			continue
		}
		masked.WriteString(text[kept:i])
		masked.WriteString(MaskID(digitsOf(text[i:end])))
		kept, i = end, end
	}
	if kept == 0 {
		return text
	}
	masked.WriteString(text[kept:])
	return masked.String()
}

// HasID reports whether a text has an ID number in it, as MaskIDs sees it.
func HasID(text string) bool { return MaskIDs(text) != text }

// UserID returns the id by which rollcall knows a user whose token says sub. It is
// sub, unless sub has an ID number in it: then it is "user-" and the first 32
// hexadecimal digits of sub's SHA-256. A user's id stands in facts, headers, logs
// and the audit, where no ID number may stand. The hash names the same user
// everywhere, but it is no secret: whoever tries all ID numbers finds the one.
func UserID(sub string) string {
	if !HasID(sub) {
		return sub
	}
	sum := sha256.Sum256([]byte(sub))
	return "user-" + hex.EncodeToString(sum[:16])
}

// findID returns where the ID number ends that begins at start; 0 when none does.
func findID(text string, start int) (end int) {
	digits, grouped := 0, false
	for i := start; i < len(text); i++ {
		switch {
		case isDigit(text[i]):
			digits++
		case isSeparator(text[i]) && i+1 < len(text) && isDigit(text[i+1]):
			grouped = true
		default:
			return 0
		}
		if digits < idDigits {
			continue
		}
		if i+1 < len(text) && isDigit(text[i+1]) || !isBirthday(digitsOf(text[start:i+1])) {
			return 0
		}
		// Groups within a longer name, such as a UUID, are parts of that name.
		if grouped && (start > 0 && isLetter(text[start-1]) || i+1 < len(text) && isLetter(text[i+1])) {
			return 0
		}
		return i + 1
	}
	return 0
}

// isBirthday reports whether digits begin with YYMMDD.
func isBirthday(digits string) bool {
	month, day := digits[2:4], digits[4:6]
	return "01" <= month && month <= "12" && "01" <= day && day <= "31"
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

func isDigit(b byte) bool     { return '0' <= b && b <= '9' }
func isLetter(b byte) bool    { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isSeparator(b byte) bool { return b == ' ' || b == '-' || b == '.' || b == '/' || b == '_' }
