package workbook

import (
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Kind is how a cell is stored.
type Kind uint8

// The kinds of cells. A blank cell is Text.
const (
	Text   Kind = iota
	Number      // Cell.Text is a plain decimal number
	Date        // a number shown as a date or a time
	Failed      // a formula that failed, its text like #N/A
)

// Cell is one cell of a sheet.
type Cell struct {
	// Text is what the cell shows: a number without exponent and without
	// trailing zeros, a date as 2006-01-02, with 15:04:05 where it has a time.
	Text string
	Kind Kind
	// Formula says that the value was calculated.
	Formula bool
	// Day is the date of a cell of kind Date, midnight UTC; zero for a mere time.
	Day time.Time
}

// Blank says whether the cell shows nothing.
func (c Cell) Blank() bool { return strings.TrimSpace(c.Text) == "" }

// Numeric says whether the cell is stored as a number.
func (c Cell) Numeric() bool { return c.Kind == Number }

// stored is how the file holds a cell.
type stored uint8

const (
	storedNumber stored = iota
	storedShared
	storedText // its own, or the result of a formula
	storedBool
	storedError
	storedDate // ISO 8601, in strict workbooks
)

func storedKind(word []byte) (stored, bool) {
	switch string(word) {
	case "", "n":
		return storedNumber, true
	case "s":
		return storedShared, true
	case "str", "inlineStr":
		return storedText, true
	case "b":
		return storedBool, true
	case "e":
		return storedError, true
	case "d":
		return storedDate, true
	}
	return 0, false
}

// setISO reads a date as it stands in strict workbooks; what is none stays text.
func (c *Cell) setISO(text string) {
	c.Text = text
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateOnly, "2006-01-02T15:04", time.TimeOnly} {
		if t, err := time.Parse(layout, strings.TrimSuffix(text, "Z")); err == nil {
			c.setTime(t)
			return
		}
	}
}

// setNumber reads a cell that is stored as a number, shown as a date or not; what
// is none stays text.
func (c *Cell) setNumber(text string, date, date1904 bool) {
	c.Text = text
	if !date && plain(text) {
		c.Kind = Number
		return
	}
	value, ok := parseNumber(text)
	if !ok {
		return
	}
	if date {
		if t, ok := serialTime(value, date1904); ok {
			c.setTime(t)
			return
		}
	}
	c.Kind, c.Text = Number, value.String()
}

// plain says whether a number stands as it is shown: at most as many digits as
// are shown, without zeros that are left out. Most do, and the rest take longer.
func plain(text string) bool {
	if len(text) == 0 || len(text) > 15 {
		return false
	}
	whole, fraction, point := strings.Cut(text, ".")
	if !digits(whole) || whole[0] == '0' && len(whole) > 1 {
		return false
	}
	return !point || digits(fraction) && fraction[len(fraction)-1] != '0'
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) > 0
}

// parseNumber reads the digits of a number as the file has them. The file holds
// a binary fraction with up to 17 digits; 15 are shown, as in spreadsheet programs.
func parseNumber(text string) (decimal.Decimal, bool) {
	if len(text) == 0 || len(text) > 40 {
		return decimal.Decimal{}, false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if exponent, err := strconv.Atoi(text[i+1:]); err != nil || exponent > 30 || exponent < -30 {
			return decimal.Decimal{}, false
		}
	}
	value, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Decimal{}, false
	}
	return value.Round(15 - int32(value.NumDigits()) - value.Exponent()), true
}

const (
	secondsOfDay = 24 * 60 * 60
	// maxSerial is the first day of the year 10000.
	maxSerial = 2_958_466
)

// serialTime is the time that a serial number means: days since the end of 1899
// or, in workbooks made on old Macs, since 1904.
func serialTime(serial decimal.Decimal, date1904 bool) (time.Time, bool) {
	if serial.IsNegative() || !serial.LessThan(decimal.New(maxSerial, 0)) {
		return time.Time{}, false
	}
	days := serial.IntPart()
	fraction := serial.Sub(decimal.New(days, 0))
	seconds := fraction.Mul(decimal.New(secondsOfDay, 0)).Round(0).IntPart()
	epoch := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case date1904:
		epoch = time.Date(1904, time.January, 1, 0, 0, 0, 0, time.UTC)
	case days > 0 && days < 60:
		// The 1900 system counts a 29 February 1900 that never was.
		days++
	}
	return epoch.AddDate(0, 0, int(days)).Add(time.Duration(seconds) * time.Second), true
}

// SerialDay is the day that an Excel serial number means, at midnight UTC; false
// where it means none.
func SerialDay(text string, date1904 bool) (time.Time, bool) {
	value, ok := parseNumber(text)
	if !ok || value.LessThan(decimal.New(1, 0)) {
		return time.Time{}, false
	}
	t, ok := serialTime(value, date1904)
	return t.Truncate(24 * time.Hour), ok
}

func (c *Cell) setTime(t time.Time) {
	c.Kind = Date
	day := t.Truncate(24 * time.Hour)
	switch {
	case t.Year() < 1900 || t.Year() == 1904 && t.YearDay() == 1:
		c.Text = t.Format(time.TimeOnly)
		return
	case t.Equal(day):
		c.Text = t.Format(time.DateOnly)
	default:
		c.Text = t.Format(time.DateTime)
	}
	c.Day = day
}

// isDateFormat says whether a number format shows a date or a time. Quoted and
// escaped text and conditions, currencies and colours in brackets do not count,
// elapsed time such as [h] does.
func isDateFormat(format string) bool {
	format = strings.ToLower(format)
	if format == "general" || format == "" {
		return false
	}
	for i := 0; i < len(format); i++ {
		switch format[i] {
		case ';':
			return false // the first section is the one for positive numbers
		case '\\', '_', '*':
			i++
		case '"':
			i += 1 + strings.IndexByte(format[i+1:]+`"`, '"')
		case '[':
			inside, _, _ := strings.Cut(format[i+1:], "]")
			if inside != "" && strings.Trim(inside, "hms") == "" {
				return true
			}
			i += 1 + len(inside)
		case 'y', 'm', 'd', 'h', 's':
			return true
		}
	}
	return false
}
