package validation

import (
	"regexp"
	"strings"
	"time"

	"rollcall.example/services/workbook"
)

var (
	isoDate    = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$`)
	dayFirst   = regexp.MustCompile(`^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{2}|\d{4})$`)
	namedMonth = regexp.MustCompile(`^(\d{1,2})(?:st|nd|rd|th)?[-/. ]*([a-z]{3,9})[-/., ]*(\d{2}|\d{4})$`)
	serialDate = regexp.MustCompile(`^\d{5}(\.\d+)?$`)
	timeOfDay  = regexp.MustCompile(`[t ]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]m)?(z|[+-]\d{2}:?\d{2})?$`)
)

// monthNames are the English and Afrikaans names of the months. A prefix of three
// letters or more is enough.
var monthNames = [12][]string{
	{"january", "januarie"}, {"february", "februarie"}, {"march", "maart", "mrt"}, {"april"}, {"may", "mei"},
	{"june", "junie"}, {"july", "julie"}, {"august", "augustus"}, {"september"}, {"october", "oktober"},
	{"november"}, {"december", "desember"},
}

// findMonth returns the number of the month with a lower-case name, 0 for none.
func findMonth(name string) int {
	for i, names := range monthNames {
		for _, full := range names {
			if strings.HasPrefix(full, name) {
				return i + 1
			}
		}
	}
	return 0
}

// ParseDate reads a day and returns it at midnight UTC. It accepts ISO dates,
// day-first dates, dates with the month's name, and Excel serials of five digits
// (from 1927 on; a shorter one is more likely a year). It ignores a time of day.
// Years must lie between 1900 and 2099; two-digit years from 70 to 99 are 19xx,
// others 20xx.
func ParseDate(text string, date1904 bool) (time.Time, bool) {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	text = timeOfDay.ReplaceAllString(text, "")
	if m := isoDate.FindStringSubmatch(text); m != nil {
		return checkDay(parseDigits(m[1]), parseDigits(m[2]), parseDigits(m[3]))
	}
	if m := dayFirst.FindStringSubmatch(text); m != nil {
		return checkDay(expandYear(m[3]), parseDigits(m[2]), parseDigits(m[1]))
	}
	if m := namedMonth.FindStringSubmatch(text); m != nil {
		return checkDay(expandYear(m[3]), findMonth(m[2]), parseDigits(m[1]))
	}
	if serialDate.MatchString(text) && text[0] != '0' {
		if t, ok := workbook.SerialDay(text, date1904); ok {
			return checkDay(t.Year(), int(t.Month()), t.Day())
		}
	}
	return time.Time{}, false
}

// expandYear returns the year that two or four digits mean.
func expandYear(digits string) int {
	year := parseDigits(digits)
	switch {
	case len(digits) == 4:
		return year
	case year >= 70:
		return 1900 + year
	}
	return 2000 + year
}

// checkDay returns a day that exists and lies between 1900 and 2099.
func checkDay(year, month, day int) (time.Time, bool) {
	t, ok := newDay(year, month, day)
	if !ok || year < 1900 || year > 2099 {
		return time.Time{}, false
	}
	return t, true
}

// membershipMonths is how many months a payment lasts.
const membershipMonths = 24

// ExpiryAfter returns the day on which a membership expires that was last paid on
// the given day: 24 months later, or the last day of that month where it is
// shorter.
func ExpiryAfter(paid time.Time) time.Time {
	first := time.Date(paid.Year(), paid.Month()+membershipMonths, 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(paid.Day(), last)-1)
}
