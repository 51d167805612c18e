package workbook

import (
	"bytes"
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
	Failed      // a formula that failed; Cell.Text is like #N/A
)

// Cell is one cell of a sheet.
type Cell struct {
	// Text is what the cell shows: a number without exponent and without
	// trailing zeros, a date as 2006-01-02, with 15:04:05 where it has a time.
	Text string
	Kind Kind
	// Formula says that the value was calculated.
	Formula bool
	// Cut says that the file has more text than a cell can hold, and Text its beginning.
	Cut bool
	// Lost says that the file has something in the cell that cannot be read: it names a
	// shared text that is not there, or is stored in an unknown way. Text is then empty.
	Lost bool
	// NoResult says that the cell has a formula, and the file not its result: the program
	// that wrote it did not calculate. Text is then empty.
	NoResult bool
	// Twice says that the file gives the cell twice, with different content. Text is the
	// last one.
	Twice bool
	// Day is the date of a cell of kind Date, at midnight UTC; zero for a time of
	// day alone.
	Day time.Time
}

// Blank reports whether the cell shows nothing, and nothing of it is missing in the file.
func (c Cell) Blank() bool { return !c.Lost && !c.NoResult && strings.TrimSpace(c.Text) == "" }

// Numeric reports whether the cell is stored as a number.
func (c Cell) Numeric() bool { return c.Kind == Number }

// storage is how the file holds a cell.
type storage uint8

const (
	storedNumber storage = iota
	storedShared
	storedText // the cell's own text, or the result of a formula
	storedBool
	storedError
	storedDate // ISO 8601, in strict workbooks
	storedUnknown
)

// parseStorage reads how a cell is stored. Some programs write the words in capitals.
func parseStorage(word []byte) storage {
	switch string(word) {
	case "", "n":
		return storedNumber
	case "s":
		return storedShared
	case "str", "inlineStr":
		return storedText
	case "b":
		return storedBool
	case "e":
		return storedError
	case "d":
		return storedDate
	}
	return parseOddStorage(word)
}

// parseOddStorage is parseStorage for words that few programs write.
func parseOddStorage(word []byte) storage {
	for _, known := range []string{"n", "s", "str", "inlineStr", "b", "e", "d"} {
		if bytes.EqualFold(bytes.TrimSpace(word), []byte(known)) {
			return parseStorage([]byte(known))
		}
	}
	if len(bytes.TrimSpace(word)) == 0 {
		return storedNumber
	}
	return storedUnknown
}

// setNumber sets the cell from the text of a number, which the sheet shows as a
// date or not. Text that is no number stays text.
func (c *Cell) setNumber(text string, date, date1904 bool) {
	c.Text = text
	if !date && isPlainNumber(text) {
		c.Kind = Number
		return
	}
	value, ok := parseNumber(text)
	if !ok {
		return
	}
	if date {
		if t, ok := serialTime(value, date1904); ok {
			if date1904 && t.Year() == 1904 && t.YearDay() == 1 && t.Hour()+t.Minute()+t.Second() > 0 {
				t = t.AddDate(-5, 0, 0) // a time of day alone
			}
			c.setTime(t)
			if !date1904 && value.IntPart() == leapDay {
				// No calendar has it, so the cell is a text.
				c.Kind, c.Day, c.Text = Text, time.Time{}, strings.Replace(c.Text, "02-28", "02-29", 1)
			}
			return
		}
	}
	c.Kind, c.Text = Number, value.String()
}

// isPlainNumber reports whether the sheet shows a number as the file writes it: no
// more digits than are shown, no redundant zeros. Most numbers are, and parsing the
// rest takes longer.
func isPlainNumber(text string) bool {
	if len(text) == 0 || len(text) > 15 {
		return false
	}
	whole, fraction, point := strings.Cut(text, ".")
	if !isDigits(whole) || whole[0] == '0' && len(whole) > 1 {
		return false
	}
	return !point || isDigits(fraction) && fraction[len(fraction)-1] != '0'
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) > 0
}

// parseNumber parses a number as the file writes it. The file holds a binary
// fraction of up to 17 digits; spreadsheet programs show 15, and so does the
// result.
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
