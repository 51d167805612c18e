package validation

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/shopspring/decimal"
)

var (
	currency = regexp.MustCompile(`^(?:R|ZAR)`)
	// The first two forms group thousands with commas or points, the third does not
	// group. Spaces are removed before.
	commaGroups = regexp.MustCompile(`^\d{1,3}(,\d{3})+(\.\d{1,2})?$`)
	pointGroups = regexp.MustCompile(`^\d{1,3}(\.\d{3})+,\d{1,2}$`)
	plainMoney  = regexp.MustCompile(`^\d+([.,]\d{1,2})?$`)
)

// maxMoney is more than any membership costs. An ID number in the wrong column is
// above it.
var maxMoney = decimal.New(1, 9)

// ParseMoney reads an amount in rand such as R10.00, R1,234.50, R 1 234,50 or 10,
// and returns it with two decimals. An amount that the cell stores as a number is
// rounded to cents; a text with more than two decimals is refused, and so are
// negative amounts and amounts of a thousand million or more.
func ParseMoney(text string, numeric bool) (string, bool) {
	if len(text) > 60 {
		return "", false
	}
	if numeric {
		amount, err := decimal.NewFromString(text)
		if err != nil {
			return "", false
		}
		return formatMoney(amount)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, text)
	text = currency.ReplaceAllString(text, "")
	switch {
	case commaGroups.MatchString(text):
		text = strings.ReplaceAll(text, ",", "")
	case pointGroups.MatchString(text):
		text = strings.ReplaceAll(strings.ReplaceAll(text, ".", ""), ",", ".")
	case plainMoney.MatchString(text):
		text = strings.ReplaceAll(text, ",", ".")
	default:
		return "", false
	}
	amount, err := decimal.NewFromString(text)
	if err != nil {
		return "", false
	}
	return formatMoney(amount)
}

// formatMoney rounds an amount that lies within bounds to cents.
func formatMoney(amount decimal.Decimal) (string, bool) {
	// Check the exponent before rounding: it may claim a billion digits.
	if amount.Exponent() > 12 || amount.Exponent() < -40 || amount.IsNegative() || !amount.LessThan(maxMoney) {
		return "", false
	}
	return amount.Round(2).StringFixed(2), true
}
