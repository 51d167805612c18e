package validation

import (
	"regexp"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/spelling"
	"rollcall.example/services/workbook"
)

var (
	isoDate    = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$`)
	basicDate  = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})(?:\.0+)?$`)
	dayFirst   = regexp.MustCompile(`^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{2}|\d{4})$`)
	namedMonth = regexp.MustCompile(`^(\d{1,2})(?:st|nd|rd|th|ste|de)?[-/., ]*(?:(?:of|van) )?([a-z]{3,9})[-/., ]*` +
		`(\d{2}|\d{4})$`)
	nameFirst  = regexp.MustCompile(`^([a-z]{3,9})[-/., ]*(\d{1,2})(?:st|nd|rd|th|ste|de)?[-/., ]+(\d{2}|\d{4})$`)
	nameMiddle = regexp.MustCompile(`^(\d{4})[-/., ]*([a-z]{3,9})[-/., ]*(\d{1,2})$`)
	serialDate = regexp.MustCompile(`^\d{5}(\.\d+)?$`)
	timeOfDay  = regexp.MustCompile(`[t, ]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?([ap]m|[ap]\.m\.?|[vn]m\.?))?` +
		`( ?(z|utc|gmt|sast|[+-]\d{2}:?\d{2}))?$`)
	weekday = regexp.MustCompile(`^((mon|tues|wednes|thurs|fri|satur|sun)day|mon|tues?|wed|thurs?|fri|sat|sun|` +
		`(maan|dins|woens|donder|vry|sater|son)dag|ma|di|wo|do|vr|sa|so)(\.?,? +|\.?,)`)
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

// DateRules say how to read dates.
type DateRules struct {
	// Date1904 says that serial numbers count from 1904.
	Date1904 bool
	// Latest is the last day that a year of two digits may mean, at midnight UTC. With
	// the zero value 70 to 99 are 19xx, others 20xx.
	Latest time.Time
}

// dateOrder says what a date tells of the order of day and month in its column.
type dateOrder uint8

const (
	orderPlain  dateOrder = iota // nothing
	orderEither                  // it can be read both ways
	orderMonth                   // the month is first, or it is no date
)

// ParseDate reads a day and returns it at midnight UTC. It accepts ISO dates, also
// without separators, day-first dates, dates with the month's name in English or
// Afrikaans, and Excel serials of five digits (from 1927 on; a shorter one is more likely
// a year). It ignores a time of day, the day of the week and what is invisible. Years
// must lie between 1900 and 2099.
func ParseDate(text string, rules DateRules) (time.Time, bool) {
	day, _, ok := rules.read(text)
	return day, ok
}

func (r DateRules) read(text string) (day time.Time, order dateOrder, ok bool) {
	text = tidyDate(text)
	if m := isoDate.FindStringSubmatch(text); m != nil {
		day, ok = checkDay(parseDigits(m[1]), parseDigits(m[2]), parseDigits(m[3]))
		return day, orderPlain, ok
	}
	if m := dayFirst.FindStringSubmatch(text); m != nil {
		d, month := parseDigits(m[1]), parseDigits(m[2])
		if day, ok = r.findDay(m[3], month, d); ok {
			if d <= 12 && d != month {
				order = orderEither
			}
			return day, order, true
		}
		if _, swapped := r.findDay(m[3], d, month); swapped {
			order = orderMonth
		}
		return time.Time{}, order, false
	}
	if m := namedMonth.FindStringSubmatch(text); m != nil {
		day, ok = r.findDay(m[3], findMonth(m[2]), parseDigits(m[1]))
		return day, orderPlain, ok
	}
	if m := nameFirst.FindStringSubmatch(text); m != nil {
		day, ok = r.findDay(m[3], findMonth(m[1]), parseDigits(m[2]))
		return day, orderPlain, ok
	}
	if m := nameMiddle.FindStringSubmatch(text); m != nil {
		day, ok = checkDay(parseDigits(m[1]), findMonth(m[2]), parseDigits(m[3]))
		return day, orderPlain, ok
	}
	if m := basicDate.FindStringSubmatch(text); m != nil {
		day, ok = checkDay(parseDigits(m[1]), parseDigits(m[2]), parseDigits(m[3]))
		return day, orderPlain, ok
	}
	if serialDate.MatchString(text) && text[0] != '0' {
		if t, ok := workbook.SerialDay(text, r.Date1904); ok {
			day, ok = checkDay(t.Year(), int(t.Month()), t.Day())
			return day, orderPlain, ok
		}
	}
	return time.Time{}, orderPlain, false
}

// tidyDate returns a text in lower case without what does not tell the day.
func tidyDate(text string) string {
	text = strings.ToLower(collapseSpaces(spelling.Plain(tidy(text))))
	if strings.IndexByte(text, ':') >= 0 {
		text = timeOfDay.ReplaceAllString(text, "")
	}
	if text != "" && text[0] >= 'a' {
		text = weekday.ReplaceAllString(text, "")
	}
	return text
}

// findDay returns the day with a year of two or four digits.
func (r DateRules) findDay(yearDigits string, month, day int) (time.Time, bool) {
	year := parseDigits(yearDigits)
	switch {
	case len(yearDigits) == 4:
	case r.Latest.IsZero() && year >= 70:
		year += 1900
	case r.Latest.IsZero():
		year += 2000
	default:
		year += r.Latest.Year() / 100 * 100
		if t, ok := checkDay(year, month, day); ok && !t.After(r.Latest) {
			return t, true
		}
		year -= 100
	}
	return checkDay(year, month, day)
}

// checkDay returns a day that exists and lies between 1900 and 2099.
func checkDay(year, month, day int) (time.Time, bool) {
	t, ok := newDay(year, month, day)
	if !ok || year < 1900 || year > 2099 {
		return time.Time{}, false
	}
	return t, true
}

// dayOf returns the day that a moment belongs to in South Africa, where a day begins
// while it is still yesterday in UTC; at midnight UTC.
func dayOf(at time.Time) time.Time {
	at = at.In(events.SouthAfrica)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
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
