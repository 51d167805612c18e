package ods

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// normalizeDate returns a date with or without a time of day as cells show it: to the
// second, as the clock on the wall. What is no date stays as it is.
func normalizeDate(value []byte) []byte {
	if len(value) == len(time.DateOnly) {
		return value // as nearly all are
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04"} {
		t, err := time.Parse(layout, string(value))
		if err != nil {
			continue
		}
		t = t.Round(time.Second) // programs store binary fractions of a day
		if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
			return []byte(t.Format(time.DateOnly))
		}
		return []byte(t.Format("2006-01-02T15:04:05"))
	}
	return value
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
