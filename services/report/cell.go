package report

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall.example/events"
)

// cell is one value of a sheet.
type cell struct {
	// value is the text, or the number as the file holds it.
	value  string
	number bool
	format format
	// width is how many characters it shows; 0 means those of value.
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

// formats are the number formats. Text is one too: a cell that has it stays
// text when it is edited, so that not even then a text like =1+1 becomes a formula.
var formats = []string{
	formatText:   "@",
	formatWhole:  "0",
	formatMoney:  "0.00",
	formatDay:    "yyyy-mm-dd",
	formatMoment: "yyyy-mm-dd hh:mm:ss",
}

// What a spreadsheet program accepts in one cell, in UTF-16 units, and what
// ends a text that had to be cut.
const (
	maxText = 32767
	cutMark = " [cut]"
)

func text(s string) cell { return cell{value: bounded(s), format: formatText} }

func whole(n int) cell {
	return cell{value: strconv.Itoa(n), number: true, format: formatWhole}
}

// A number with more digits than a spreadsheet program keeps stays text.
var moneyPattern = regexp.MustCompile(`^-?[0-9]{1,12}(\.[0-9]{1,2})?$`)
var wholePattern = regexp.MustCompile(`^-?[0-9]{1,9}$`)

// The day that serial number 0 stands for, and the first one since which the
// serial numbers of all programs agree.
var (
	serialZero  = time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	serialAgree = time.Date(1900, time.March, 1, 0, 0, 0, 0, time.UTC)
)

// day is a date without time, false where spreadsheets cannot hold it.
func day(iso string) (cell, bool) {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil || t.Before(serialAgree) {
		return cell{}, false
	}
	days := int64(t.Sub(serialZero) / (24 * time.Hour))
	return cell{value: strconv.FormatInt(days, 10), number: true, format: formatDay, width: len(formats[formatDay])}, true
}

// moment is a point in time, shown as the clocks in South Africa do.
func moment(t time.Time) cell {
	if t.IsZero() {
		return text("")
	}
	_, offset := t.In(events.SouthAfrica).Zone()
	// LibreOffice cuts what is short of a second, so the fraction is never below it.
	seconds := float64(t.Unix()+int64(offset)-serialZero.Unix()) + 0.001
	return cell{
		value:  strconv.FormatFloat(seconds/(24*60*60), 'f', 9, 64),
		number: true, format: formatMoment, width: len(formats[formatMoment]),
	}
}

// bounded cuts what is longer than a cell may be.
func bounded(s string) string {
	if len(s) <= maxText {
		return s
	}
	units := 0
	for i, r := range s {
		if units++; r > 0xFFFF {
			units++
		}
		if units > maxText {
			return cutTo(s[:i])
		}
	}
	return s
}

func cutTo(s string) string {
	for n := 0; n < len(cutMark); n++ {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s + cutMark
}

// shown is how many characters wide the cell is: its longest line.
func (c cell) shown() int {
	if c.width > 0 {
		return c.width
	}
	widest := 0
	for line := range strings.Lines(c.value) {
		widest = max(widest, utf8.RuneCountInString(line))
	}
	return widest
}
