package validation

import "strings"

// ParseCode reads the 8-digit code of a ward or voting district. Spaces do not
// count, nor does the .0 that a number gets when a program makes a text of it.
func ParseCode(text string) (string, bool) {
	code := strings.Join(strings.Fields(text), "")
	if whole, fraction, ok := strings.Cut(code, "."); ok && strings.Trim(fraction, "0") == "" {
		code = whole
	}
	if len(code) != 8 || !onlyDigits(code) {
		return "", false
	}
	return code, true
}

func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
