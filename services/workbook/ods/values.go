package ods

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// zeroDay is the day from which programs count. A time of day alone that is shown as a
// date stands on it.
const zeroDay = "1899-12-30"

// convertDate returns the kind and the text of a cell that holds a date with or without a
// time of day: to the second, as the clock on the wall. A date before 1900, which
// workbooks cannot count, is a text. What is no date stays as it is.
func convertDate(value []byte) (Kind, []byte) {
	text := string(value)
	if len(value) > len(time.DateOnly) {
		for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04"} {
			t, err := time.Parse(layout, text)
			if err != nil {
				continue
			}
			t = t.Round(time.Second) // programs store binary fractions of a day
			text = strings.TrimSuffix(t.Format("2006-01-02T15:04:05"), "T00:00:00")
			break
		}
	}
	day, clock, timed := strings.Cut(text, "T")
	switch {
	case len(day) != len(zeroDay) || day[4] != '-' || day[7] != '-':
		return Text, value
	case day > "1899-99":
		return Date, []byte(text)
	case day == zeroDay && timed:
		return Date, []byte(clock)
	}
	return Text, []byte(strings.Replace(text, "T", " ", 1))
}

// convertDuration returns the kind and the text of a cell that holds a time such as
// PT10H30M00S: a time of day, or the hours where they are more than a day has. What is no
// time stays as it is.
func convertDuration(value []byte) (Kind, []byte) {
	seconds, ok := parseDuration(value)
	if !ok {
		return Text, value
	}
	text := fmt.Appendf(nil, "%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if seconds >= 24*3600 {
		return Text, text
	}
	return Date, text
}

// secondsOf are the units of a duration, behind the T.
var secondsOf = map[byte]float64{'H': 3600, 'M': 60, 'S': 1}

// parseDuration parses a duration of XML Schema of days and less, to the second.
func parseDuration(value []byte) (seconds int64, ok bool) {
	rest, ok := bytes.CutPrefix(value, []byte("P"))
	if !ok || len(rest) < 2 || len(rest) > 64 {
		return 0, false
	}
	sum, clock := 0.0, false
	for len(rest) > 0 {
		if rest[0] == 'T' {
			rest, clock = rest[1:], true
			continue
		}
		end := 0
		for end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || rest[end] == '.') {
			end++
		}
		n, err := strconv.ParseFloat(string(rest[:end]), 64)
		if err != nil || end == len(rest) {
			return 0, false
		}
		unit := secondsOf[rest[end]]
		if !clock {
			unit = 0
			if rest[end] == 'D' {
				unit = 24 * 3600
			}
		}
		if unit == 0 {
			return 0, false
		}
		sum += n * unit
		rest = rest[end+1:]
	}
	if sum > 1e12 {
		return 0, false
	}
	return int64(sum + 0.5), true
}
