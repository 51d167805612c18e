package workbook

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// setISO sets the cell from a date as strict workbooks write it. Text that is no
// date stays text.
func (c *Cell) setISO(text string) {
	c.Text = text
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateOnly, "2006-01-02T15:04", time.TimeOnly} {
		if t, err := time.Parse(layout, strings.TrimSuffix(text, "Z")); err == nil {
			if c.setTime(t); t.Year() > 0 && t.Year() < 1899 {
				c.setDay(t)
			}
			return
		}
	}
}

const (
	secondsOfDay = 24 * 60 * 60
	// maxSerial is the first day of the year 10000.
	maxSerial = 2_958_466
	// leapDay is 29 February 1900, which did not exist and which the 1900 system counts.
	leapDay = 60
)

// serialTime returns the time that a serial number means: days since the end of
// 1899 or, in workbooks made on old Macs, since 1904.
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
	case days > 0 && days < leapDay:
		days++
	}
	return epoch.AddDate(0, 0, int(days)).Add(time.Duration(seconds) * time.Second), true
}

// SerialDay returns the day that an Excel serial number means, at midnight UTC;
// false where text means none.
func SerialDay(text string, date1904 bool) (time.Time, bool) {
	value, ok := parseNumber(text)
	if !ok || value.LessThan(decimal.New(1, 0)) {
		return time.Time{}, false
	}
	t, ok := serialTime(value, date1904)
	return t.Truncate(24 * time.Hour), ok
}

// setTime sets the cell from a time. One before 1900 is a time of day alone.
func (c *Cell) setTime(t time.Time) {
	if t.Year() < 1900 {
		c.Kind, c.Text = Date, t.Format(time.TimeOnly)
		return
	}
	c.setDay(t)
}

// setDay sets the cell from a day with or without a time.
func (c *Cell) setDay(t time.Time) {
	c.Kind, c.Day = Date, t.Truncate(24*time.Hour)
	c.Text = t.Format(time.DateTime)
	if t.Equal(c.Day) {
		c.Text = t.Format(time.DateOnly)
	}
}
