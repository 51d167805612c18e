package workbook

import (
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/tealeg/xlsx/v3"
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

func convert(c *xlsx.Cell, date1904 bool) Cell {
	cell := Cell{Text: c.Value, Formula: c.Formula() != ""}
	switch c.Type() {
	case xlsx.CellTypeNumeric:
		number(&cell, c.NumFmt, date1904)
	case xlsx.CellTypeDate:
		if t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(c.Value, "Z")); err == nil {
			cell.setTime(t)
		} else if t, err := time.Parse(time.DateOnly, c.Value); err == nil {
			cell.setTime(t)
		}
	case xlsx.CellTypeBool:
		cell.Text = map[string]string{"0": "FALSE", "1": "TRUE"}[c.Value]
	case xlsx.CellTypeError:
		cell.Kind = Failed
	default:
		for _, run := range c.RichText {
			cell.Text += run.Text
		}
	}
	return cell
}

// number reads a cell that is stored as a number; what is none stays text.
func number(cell *Cell, format string, date1904 bool) {
	value, ok := parseNumber(cell.Text)
	if !ok {
		return
	}
	if isDateFormat(format) {
		if t, ok := serialTime(value, date1904); ok {
			cell.setTime(t)
			return
		}
	}
	cell.Kind, cell.Text = Number, value.String()
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
