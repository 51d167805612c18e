package wards

import (
	"slices"
	"strconv"
	"time"

	"rollcall.example/events"
)

// IsCode reports whether a text is the code of a ward: 8 digits.
func IsCode(text string) bool {
	return len(text) == 8 && !slices.ContainsFunc([]byte(text), func(c byte) bool { return c < '0' || c > '9' })
}

// BelowTarget returns the wards of a list that have a code and have not reached the target.
func BelowTarget(list []Ward) []Ward {
	return slices.DeleteFunc(slices.Clone(list), func(w Ward) bool { return w.Reached || w.Ward == "" })
}

// csvHeader are the columns of WriteCSV.
var csvHeader = []string{
	"Province", "Municipality", "Sub-region", "Ward", "Members", "Registered in the Ward", "Registered Elsewhere",
	"Not Registered", "Abroad", "Deceased", "Unverified", "New", "Target", "Reached",
}

// WriteCSV writes the wards, one a row.
func (s *Standing) WriteCSV(to interface{ Write(row []string) error }) error {
	if err := to.Write(csvHeader); err != nil {
		return err
	}
	for _, w := range s.Wards {
		row := []string{w.Province, w.Municipality, w.SubRegion, w.Ward}
		for _, n := range []int{w.Members, w.Registered, w.Elsewhere, w.NotRegistered, w.Abroad, w.Deceased, w.Unverified,
			w.New, w.Target} {
			row = append(row, strconv.Itoa(n))
		}
		if err := to.Write(append(row, yes(w.Reached))); err != nil {
			return err
		}
	}
	return nil
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// Times returns the ends of all days, weeks (Sundays) or months of South Africa between
// two times, and the second one; "" is month. known is false for another step.
func Times(from, to time.Time, step string) (times []time.Time, known bool) {
	local := from.In(events.SouthAfrica)
	year, month, day := local.Date()
	next := func(n int) time.Time { return time.Date(year, month+time.Month(n), 1, 0, 0, 0, 0, events.SouthAfrica) }
	switch step {
	case "", "month":
	case "day":
		next = func(n int) time.Time { return time.Date(year, month, day+n, 0, 0, 0, 0, events.SouthAfrica) }
	case "week":
		monday := day - (int(local.Weekday())+6)%7
		next = func(n int) time.Time { return time.Date(year, month, monday+7*n, 0, 0, 0, 0, events.SouthAfrica) }
	default:
		return nil, false
	}
	// Beyond what anybody may ask for, the rest is not counted.
	for n := 1; len(times) < 10_000; n++ {
		end := next(n).Add(-time.Microsecond).UTC()
		if !end.Before(to) {
			break
		}
		times = append(times, end)
	}
	return append(times, to.UTC()), true
}
