package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"rollcall.example/events/spelling"
)

// MaskID hides the middle of an ID number: 800101*****87. It hides every
// character of a text that is not 13 characters long.
func MaskID(id string) string {
	if len(id) != spelling.Length {
		return "*************"
	}
	return id[:6] + "*****" + id[11:]
}

// MaskIDs hides the middle of each ID number in a text, however it is written: also in
// groups, such as "800101 5009 087", in the digits of another writing, with what is
// invisible, and in scientific notation. A number counts as one when its 13 digits begin
// with a month and a day that exist, whatever its check digit says: a slip of the pen is
// still somebody's. One that lost its leading zeros has to be valid. Without any it
// returns text as it is.
func MaskIDs(text string) string {
	var masked strings.Builder
	kept := 0 // bytes of text that are in masked
	for w := range spelling.AllWritten(text) {
		masked.WriteString(text[kept:w.From])
		masked.WriteString(MaskID(w.ID))
		kept = w.To
	}
	if kept == 0 {
		return text
	}
	masked.WriteString(text[kept:])
	return masked.String()
}

// HasID reports whether a text has an ID number in it, as MaskIDs sees it.
func HasID(text string) bool {
	for range spelling.AllWritten(text) {
		return true
	}
	return false
}

// maxHeader is how many characters of a header MaskHeader keeps.
const maxHeader = 60

// MaskHeader returns the header of a column as facts and refusals repeat it: without ID
// numbers, cut where it is long.
func MaskHeader(header string) string {
	header = MaskIDs(header)
	if utf8.RuneCountInString(header) > maxHeader {
		header = string([]rune(header)[:maxHeader-1]) + "…"
	}
	return header
}

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
