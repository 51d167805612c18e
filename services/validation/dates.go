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

// months are the names of the months, English and Afrikaans. Any beginning of
// three letters or more will do.
var months = [12][]string{
	{"january", "januarie"}, {"february", "februarie"}, {"march", "maart", "mrt"}, {"april"}, {"may", "mei"},
	{"june", "junie"}, {"july", "julie"}, {"august", "augustus"}, {"september"}, {"october", "oktober"},
	{"november"}, {"december", "desember"},
}

// month returns the month's number from a lower-case name, 0 for none.
func month(name string) int {
	for i, names := range months {
		for _, full := range names {
			if strings.HasPrefix(full, name) {
				return i + 1
			}
		}
	}
	return 0
}

// ParseDate reads a day, at midnight UTC: ISO, day first, with the month's name,
// or as an Excel serial of five digits (from 1927 on; a shorter one is rather a
// year). A time of day does not count. Years before 1900 and after 2099 are
// refused; of two digits, 70 to 99 are 19xx.
func ParseDate(text string, date1904 bool) (time.Time, bool) {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	text = timeOfDay.ReplaceAllString(text, "")
	if m := isoDate.FindStringSubmatch(text); m != nil {
		return saneDate(number(m[1]), number(m[2]), number(m[3]))
	}
	if m := dayFirst.FindStringSubmatch(text); m != nil {
		return saneDate(fullYear(m[3]), number(m[2]), number(m[1]))
	}
	if m := namedMonth.FindStringSubmatch(text); m != nil {
		return saneDate(fullYear(m[3]), month(m[2]), number(m[1]))
	}
	if serialDate.MatchString(text) && text[0] != '0' {
		if t, ok := workbook.SerialDay(text, date1904); ok {
			return saneDate(t.Year(), int(t.Month()), t.Day())
		}
	}
	return time.Time{}, false
}

func fullYear(digits string) int {
	year := number(digits)
	switch {
	case len(digits) == 4:
		return year
	case year >= 70:
		return 1900 + year
	}
	return 2000 + year
}

func saneDate(year, month, day int) (time.Time, bool) {
	t, ok := date(year, month, day)
	if !ok || year < 1900 || year > 2099 {
		return time.Time{}, false
	}
	return t, true
}

// membershipMonths is how long a payment lasts.
const membershipMonths = 24

// ExpiryAfter is the day on which a membership ends that was last paid on the
// given day: 24 months later, on the month's last day where it is shorter.
func ExpiryAfter(paid time.Time) time.Time {
	first := time.Date(paid.Year(), paid.Month()+membershipMonths, 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(paid.Day(), last)-1)
}
