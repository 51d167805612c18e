package validation

import "strings"

// ParseAreaCode reads the 8-digit code of a ward or voting district. It ignores
// spaces, and the .0 that programs append when they write a number as text.
func ParseAreaCode(text string) (string, bool) {
	code := cutFraction(strings.Join(strings.Fields(tidy(text)), ""))
	if len(code) != 8 || !isDigits(code) {
		return "", false
	}
	return code, true
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
