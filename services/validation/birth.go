package validation

import (
	"regexp"
	"time"

	"rollcall.example/events/spelling"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

var sixDigits = regexp.MustCompile(`^\d{6}$`)

// readBirthDigits reads a cell that has the first six digits of the ID number, as people
// write them for a date of birth.
func (r *rowReader) readBirthDigits(cell workbook.Cell) (time.Time, bool) {
	if text := collapseSpaces(spelling.Plain(cell.Text)); sixDigits.MatchString(text) {
		return parseBirthDate(text, r.judge.uploadedAt)
	}
	return time.Time{}, false
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
