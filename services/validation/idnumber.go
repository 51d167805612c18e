package validation

import (
	"strings"
	"time"
	"unicode"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// Citizenship is what the eleventh digit of an ID number says.
type Citizenship int

// The citizenship digits that are in use. Others are warned about.
const (
	Citizen           Citizenship = 0
	PermanentResident Citizenship = 1
	Refugee           Citizenship = 2
)

// Known says whether the digit is one in use.
func (c Citizenship) Known() bool { return c >= Citizen && c <= Refugee }

// ID is a valid ID number and what it says.
type ID struct {
	Number      string    // 13 digits
	Born        time.Time // midnight UTC
	Male        bool
	Citizenship Citizenship
}

// Problem says why a text is no ID number. The message does not hold the text.
type Problem struct {
	Code    string // events.RejectMissing, events.RejectFormat, events.RejectChecksum or events.RejectDate
	Message string
}

const idDigits = 13

// ParseID reads the text of a cell as an ID number. Spaces and dashes do not
// count. The zeros that a spreadsheet eats from the front of a number are put
// back where numeric says that the cell was stored as one and 11 or 12 digits
// are left. at is when the roll was uploaded: the century of birth is the
// latest one that is not in the future then. The checksum is looked at before
// the date of birth.
func ParseID(text string, numeric bool, at time.Time) (ID, *Problem) {
	digits := dropSeparators(text)
	if digits == "" {
		return ID{}, &Problem{records.RejectMissing, "The row has no ID number."}
	}
	if strings.Trim(digits, "0123456789") != "" {
		return ID{}, &Problem{records.RejectFormat, "The ID number has characters that are no digits."}
	}
	if numeric && (len(digits) == 11 || len(digits) == 12) {
		digits = strings.Repeat("0", idDigits-len(digits)) + digits
	}
	if len(digits) != idDigits {
		return ID{}, &Problem{records.RejectFormat, "The ID number does not have 13 digits."}
	}
	if !luhn(digits) {
		return ID{}, &Problem{records.RejectChecksum, "The ID number has a wrong check digit: a digit is mistyped."}
	}
	born, ok := dateOfBirth(digits, at)
	if !ok {
		return ID{}, &Problem{records.RejectDate, "The ID number begins with a date of birth that does not exist."}
	}
	return ID{
		Number: digits, Born: born, Male: digits[6] >= '5', Citizenship: Citizenship(digits[10] - '0'),
	}, nil
}

// dropSeparators drops white space, dashes and what cannot be seen.
func dropSeparators(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf) || r == '\u2212' {
			return -1
		}
		return r
	}, text)
}

// luhn says whether the last digit checks the others.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			n *= 2
			if n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

func dateOfBirth(digits string, at time.Time) (time.Time, bool) {
	year, month, day := number(digits[:2]), number(digits[2:4]), number(digits[4:6])
	// A child is born in South Africa while it is still yesterday in UTC.
	at = at.In(events.SouthAfrica)
	today := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	century := at.Year() / 100 * 100
	for _, year := range []int{century + year, century - 100 + year} {
		born, ok := date(year, month, day)
		if ok && !born.After(today) {
			return born, true
		}
	}
	return time.Time{}, false
}

// number reads digits; it is for texts that were seen to hold nothing else.
func number(digits string) int {
	n := 0
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}

// date is a day at midnight UTC; false where there is no such day.
func date(year, month, day int) (time.Time, bool) {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t, t.Day() == day && t.Month() == time.Month(month)
}

// Age is the whole years from the date of birth to at.
func (id ID) Age(at time.Time) int {
	at = at.In(events.SouthAfrica)
	age := at.Year() - id.Born.Year()
	if at.Month() < id.Born.Month() || at.Month() == id.Born.Month() && at.Day() < id.Born.Day() {
		age--
	}
	return age
}
