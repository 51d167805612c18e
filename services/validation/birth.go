package validation

import (
	"regexp"
	"time"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

var (
	fourDigits = regexp.MustCompile(`\d{4}`)
	sixDigits  = regexp.MustCompile(`^\d{6}$`)
)

// readBirth reads the cell of a date of birth. A year of two digits is never in the
// future.
func (r *rowReader) readBirth(cell workbook.Cell) (time.Time, bool) {
	day, ok := r.readDate(cell)
	if ok && cell.Kind != workbook.Date && day.After(r.judge.uploadedAt) && !fourDigits.MatchString(cell.Text) {
		return newDay(day.Year()-100, int(day.Month()), day.Day())
	}
	if text := collapseSpaces(cell.Text); !ok && sixDigits.MatchString(text) {
		// The first six digits of the ID number, as people write them.
		return parseBirthDate(text, r.judge.uploadedAt)
	}
	return day, ok
}

// compareBirth warns of a date of birth that is not the one of the ID number, which
// wins. The ID number has no century: that of the cell counts, unless it is to come. It
// returns the ID with that century.
func (r *rowReader) compareBirth(id ID) ID {
	stated, ok := r.fields[schema.FieldBirth]
	if !ok {
		return id
	}
	day, err := time.Parse(time.DateOnly, stated)
	agrees := err == nil && day.Format("060102") == id.Number[:6]
	if agrees && !day.After(r.judge.uploadedAt.AddDate(0, 0, 1)) {
		id.Born = day
		return id
	}
	born := id.Born.Format(time.DateOnly)
	if !agrees {
		r.warn(schema.FieldBirth, WarnBirthDiffers, "Date of Birth is %s, but %s by the ID number, whose date is kept.",
			stated, born)
	}
	r.guess(schema.FieldBirth, born)
	return id
}
