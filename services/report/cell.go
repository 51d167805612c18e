package report

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall.example/events"
)

// cell is a value in a sheet.
type cell struct {
	// value is the text, or the number as the file holds it.
	value  string
	number bool
	format format
	link   bool // looks like what leads somewhere
	// width is how many characters the cell shows; 0 means those of value.
	width int
}

type format int

const (
	formatText format = iota
	formatWhole
	formatMoney
	formatDay
	formatMoment
)

// formats are the number formats. Text is one of them: a cell that has it stays
// text when somebody edits it, so that a text like =1+1 becomes no formula even
// then.
var formats = []string{
	formatText:   "@",
	formatWhole:  "0",
	formatMoney:  "0.00",
	formatDay:    "yyyy-mm-dd",
	formatMoment: "yyyy-mm-dd hh:mm:ss",
}

// A cell holds at most maxText UTF-16 units in a spreadsheet program; cutMark ends
// a text that was cut to that.
const (
	maxText = 32767
	cutMark = " [cut]"
)

func textCell(s string) cell { return cell{value: truncate(s), format: formatText} }

func intCell(n int) cell {
	return cell{value: strconv.Itoa(n), number: true, format: formatWhole}
}

// A number with more digits than a spreadsheet program keeps stays text.
var moneyPattern = regexp.MustCompile(`^-?[0-9]{1,12}(\.[0-9]{1,2})?$`)
var wholePattern = regexp.MustCompile(`^-?[0-9]{1,9}$`)

// serialZero is the day of serial number 0. From firstAgreedDay on, all programs
// give a day the same serial number.
var (
	serialZero     = time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	firstAgreedDay = time.Date(1900, time.March, 1, 0, 0, 0, 0, time.UTC)
)

// dateCell returns a date without time; false where spreadsheets cannot hold it.
func dateCell(iso string) (cell, bool) {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil || t.Before(firstAgreedDay) {
		return cell{}, false
	}
	days := int64(t.Sub(serialZero) / (24 * time.Hour))
	return cell{value: strconv.FormatInt(days, 10), number: true, format: formatDay, width: len(formats[formatDay])},
		true
}

// timeCell returns a point in time, shown in South African time.
func timeCell(t time.Time) cell {
	if t.IsZero() {
		return textCell("")
	}
	_, offset := t.In(events.SouthAfrica).Zone()
	// LibreOffice drops fractions of a second, so the fraction must never be just
	// below a whole one.
	seconds := float64(t.Unix()+int64(offset)-serialZero.Unix()) + 0.001
	return cell{
		value:  strconv.FormatFloat(seconds/(24*60*60), 'f', 9, 64),
		number: true, format: formatMoment, width: len(formats[formatMoment]),
	}
}

// truncate cuts a text that is longer than a cell may be.
func truncate(s string) string {
	if len(s) <= maxText {
		return s
	}
	units := 0
	for i, r := range s {
		if units++; r > 0xFFFF {
			units++
		}
		if units > maxText {
			return markCut(s[:i])
		}
	}
	return s
}

// markCut replaces the end of a text by the mark.
func markCut(s string) string {
	for n := 0; n < len(cutMark); n++ {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s + cutMark
}

// displayWidth returns how many characters wide the cell is: its longest line.
func (c cell) displayWidth() int {
	if c.width > 0 {
		return c.width
	}
	widest := 0
	for line := range strings.Lines(c.value) {
		widest = max(widest, utf8.RuneCountInString(line))
	}
	return widest
}
