package validation

import (
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// Citizenship is the eleventh digit of an ID number.
type Citizenship int

// The citizenship digits in use. Others give a warning.
const (
	Citizen           Citizenship = 0
	PermanentResident Citizenship = 1
	Refugee           Citizenship = 2
)

// Known reports whether the digit is in use.
func (c Citizenship) Known() bool { return c >= Citizen && c <= Refugee }

// ID is a valid ID number with what its digits say.
type ID struct {
	Number      string    // 13 digits
	Born        time.Time // midnight UTC
	Male        bool
	Citizenship Citizenship
	// Zeros is how many of the number's leading zeros a spreadsheet had dropped.
	Zeros int
}

// Problem says why a text is no valid ID number. Message does not contain the text.
type Problem struct {
	Code    string // records.RejectMissing, RejectFormat, RejectScientific, RejectChecksum or RejectDate
	Message string
}

const idDigits = spelling.Length

// The sentences of a Problem that has them from the spelling.
var faults = map[spelling.Fault]Problem{
	spelling.Missing:     {records.RejectMissing, "The row has no ID number."},
	spelling.OtherSigns:  {records.RejectFormat, "The ID number has characters that are no digits."},
	spelling.WrongLength: {records.RejectFormat, "The ID number does not have 13 digits."},
	spelling.LostDigits: {records.RejectScientific, "The ID number is in scientific notation, which has lost digits. " +
		"Format the column as text, enter the number again and save."},
}

// ParseID reads the text of a cell as an ID number, as spelling.Read does. Where numeric
// says that the cell was stored as a number, or its text that it was one, and 10 to 12
// digits are left, it restores the leading zeros that a spreadsheet dropped, if check
// digit and date agree then. at is when the roll was uploaded: the century of birth is
// the latest one that does not put the birth after it. The checksum is checked before
// the date of birth.
func ParseID(text string, numeric bool, at time.Time) (ID, *Problem) {
	read := spelling.Read(text, numeric)
	if read.Fault != spelling.Fine {
		problem := faults[read.Fault]
		return ID{}, &problem
	}
	digits := read.Digits
	if !hasValidChecksum(digits) {
		return ID{}, &Problem{records.RejectChecksum, "The ID number has a wrong check digit: a digit is mistyped."}
	}
	born, ok := parseBirthDate(digits, at)
	if !ok {
		return ID{}, &Problem{records.RejectDate, "The ID number begins with a date of birth that does not exist."}
	}
	return ID{
		Number: digits, Born: born, Male: digits[6] >= '5', Citizenship: Citizenship(digits[10] - '0'),
		Zeros: read.Zeros,
	}, nil
}

// hasValidChecksum reports whether the last digit is the Luhn check digit of the
// others.
func hasValidChecksum(digits string) bool {
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

// parseBirthDate reads the first six digits as a date that is not after the upload.
func parseBirthDate(digits string, at time.Time) (time.Time, bool) {
	year, month, day := parseDigits(digits[:2]), parseDigits(digits[2:4]), parseDigits(digits[4:6])
	today := dayOf(at)
	century := today.Year() / 100 * 100
	for _, year := range []int{century + year, century - 100 + year} {
		born, ok := newDay(year, month, day)
		if ok && !born.After(today) {
			return born, true
		}
	}
	return time.Time{}, false
}

// parseDigits returns the value of a text that is known to hold digits only.
func parseDigits(digits string) int {
	n := 0
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}

// newDay returns a day at midnight UTC; false where there is no such day.
func newDay(year, month, day int) (time.Time, bool) {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t, t.Day() == day && t.Month() == time.Month(month)
}

// Age returns the whole years from the date of birth to at.
func (id ID) Age(at time.Time) int {
	at = at.In(events.SouthAfrica)
	age := at.Year() - id.Born.Year()
	if at.Month() < id.Born.Month() || at.Month() == id.Born.Month() && at.Day() < id.Born.Day() {
		age--
	}
	return age
}
