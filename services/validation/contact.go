package validation

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"rollcall.example/events/spelling"
)

var (
	localPart = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	domain    = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)
)

// tidy returns a text as people see it: without what is invisible, with the plain forms of
// wide letters and of all digits, and without the signs that tell a spreadsheet program
// that it is a text.
func tidy(text string) string {
	plain := true
	for i := range len(text) {
		plain = plain && text[i] >= ' ' && text[i] < 0x7F
	}
	if !plain {
		text = strings.Map(func(r rune) rune {
			digit, ok := spelling.Decimal(r)
			switch {
			case ok:
				return rune('0' + digit)
			case spelling.IsInvisible(r):
				return -1
			}
			return r
		}, norm.NFKC.String(text))
	}
	text = strings.TrimSpace(text)
	if inside, ok := strings.CutPrefix(text, `="`); ok {
		text = strings.TrimSuffix(inside, `"`)
	}
	return strings.TrimLeft(text, "'`‘’")
}

// cutFraction returns a number without decimal places that are zeros: some programs write
// all numbers with one.
func cutFraction(text string) string {
	whole, fraction, ok := strings.Cut(text, ".")
	if ok && isDigits(whole) && strings.Trim(fraction, "0") == "" {
		return whole
	}
	return text
}

// cutScheme returns a text without the scheme that a link begins with.
func cutScheme(text, scheme string) string {
	if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return strings.TrimSpace(text[len(scheme):])
	}
	return text
}

// ParseEmail reads an e-mail address and returns it with its domain in lower case.
// It refuses quoted local parts and domains without a dot.
func ParseEmail(text string) (string, bool) {
	local, host, ok := strings.Cut(cutScheme(tidy(text), "mailto:"), "@")
	host = strings.ToLower(host)
	if !ok || len(local) > 64 || len(host) > 253 || len(local)+1+len(host) > 254 {
		return "", false
	}
	if !localPart.MatchString(local) || !domain.MatchString(host) {
		return "", false
	}
	return local + "@" + host, true
}

// ParseCell reads a mobile number and returns it in E.164: a South African number
// with or without its leading zero or country code, or a foreign number with a plus
// sign.
func ParseCell(text string) (string, bool) { return parsePhone(text, "678") }

// ParseLandline reads a fixed-line number as ParseCell reads a mobile one. It
// accepts service numbers that begin with 08.
func ParseLandline(text string) (string, bool) { return parsePhone(text, "123458") }

// parsePhone reads a number. A South African one must begin, after its zero, with
// one of the digits in first.
func parsePhone(text, first string) (string, bool) {
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf) || strings.ContainsRune("().", r) {
			return -1
		}
		return r
	}, cutFraction(cutScheme(tidy(text), "tel:")))
	digits, plus := strings.CutPrefix(digits, "+")
	if !isDigits(digits) {
		return "", false
	}
	if rest, ok := strings.CutPrefix(digits, "00"); ok && !plus {
		digits, plus = rest, true
	}
	national := digits
	switch {
	case strings.HasPrefix(digits, "270") && len(digits) == 12:
		national = digits[3:] // +27 (0)82 ...
	case strings.HasPrefix(digits, "27") && (plus || len(digits) == 11):
		national = digits[2:]
	case plus:
		ok := len(digits) >= 8 && len(digits) <= 15 && digits[0] != '0'
		return "+" + digits, ok
	case len(digits) == 10 && digits[0] == '0':
		national = digits[1:]
	}
	if len(national) != 9 || !strings.Contains(first, national[:1]) {
		return "", false
	}
	return "+27" + national, true
}
