package validation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events/records"
)

var uploadTime = time.Date(2025, time.November, 25, 10, 0, 0, 0, time.UTC)

func TestParseID(t *testing.T) {
	tests := map[string]struct {
		text    string
		numeric bool
		want    string // the ID number or the problem's code
	}{
		"citizen, man":              {"8001015009087", false, "8001015009087"},
		"citizen, woman":            {"9001010001088", false, "9001010001088"},
		"another man":               {"8506155000084", false, "8506155000084"},
		"refugee":                   {"8001015009285", false, "8001015009285"},
		"stored as a number":        {"8001015009087", true, "8001015009087"},
		"spaces":                    {" 800101 5009 087 ", false, "8001015009087"},
		"dashes":                    {"800101-5009-08-7", false, "8001015009087"},
		"typographic":               {"800101\u20135009\u00a0087\u200b", false, "8001015009087"},
		"blank":                     {"", false, records.RejectMissing},
		"white space":               {" \t\u00a0", false, records.RejectMissing},
		"dash":                      {"-", false, records.RejectMissing},
		"checksum":                  {"8001015009086", false, records.RejectChecksum},
		"no such month":             {"9913315000088", false, records.RejectDate},
		"no such day":               {"9902305000083", false, records.RejectDate},
		"zeros":                     {"0000000000018", false, records.RejectDate},
		"letter":                    {"800101500908O", false, records.RejectFormat},
		"other digits":              {"٨٠٠١٠١٥٠٠٩٠٨٧", false, records.RejectFormat},
		"decimals":                  {"8001015009087.5", true, records.RejectFormat},
		"short":                     {"800101500908", false, records.RejectFormat},
		"long":                      {"80010150090870", false, records.RejectFormat},
		"one zero eaten":            {zerosEaten(t, 1), true, zerosRestored(t, 1)},
		"two zeros eaten":           {zerosEaten(t, 2), true, zerosRestored(t, 2)},
		"three zeros eaten":         {zerosEaten(t, 3), true, records.RejectFormat},
		"one zero missing in text":  {zerosEaten(t, 1), false, records.RejectFormat},
		"two zeros missing in text": {zerosEaten(t, 2), false, records.RejectFormat},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, problem := ParseID(test.text, test.numeric, uploadTime)
			got := id.Number
			if problem != nil {
				got = problem.Code
				if !strings.HasSuffix(problem.Message, ".") || strings.ContainsAny(problem.Message, "045678") {
					t.Errorf("message %q", problem.Message)
				}
			}
			if got != test.want {
				t.Errorf("ParseID(%q) = %s, want %s", test.text, got, test.want)
			}
		})
	}
}

// zerosRestored is a valid ID number that begins with exactly so many zeros.
func zerosRestored(t *testing.T, zeros int) string {
	t.Helper()
	return withCheckDigit(map[int]string{1: "050101500908", 2: "001212500908", 3: "000101500908"}[zeros])
}

func zerosEaten(t *testing.T, zeros int) string {
	return strings.TrimLeft(zerosRestored(t, zeros), "0")
}

// withCheckDigit appends the digit that makes 12 digits an ID number.
func withCheckDigit(digits string) string {
	for d := '0'; d <= '9'; d++ {
		if hasValidChecksum(digits + string(d)) {
			return digits + string(d)
		}
	}
	panic("no check digit fits " + digits)
}

func TestIDNumberGivesSexCitizenshipAndAge(t *testing.T) {
	id, problem := ParseID("8001015009285", false, uploadTime)
	if problem != nil {
		t.Fatal(problem.Message)
	}
	if !id.Male || id.Citizenship != Refugee || id.Born.Format(time.DateOnly) != "1980-01-01" ||
		id.Age(uploadTime) != 45 {
		t.Errorf("ID %+v, age %d", id, id.Age(uploadTime))
	}
	id, problem = ParseID("9001010001088", false, uploadTime)
	if problem != nil {
		t.Fatal(problem.Message)
	}
	if id.Male || id.Citizenship != Citizen {
		t.Errorf("ID %+v", id)
	}
	for digit, known := range map[int]bool{0: true, 1: true, 2: true, 3: false, 9: false} {
		if Citizenship(digit).Known() != known {
			t.Errorf("digit %d known: %v", digit, !known)
		}
	}
}

func TestCenturyIsTheLatestNotInTheFuture(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	tests := []struct{ digits, at, want string }{
		{"251125500908", "2025-11-25T10:00:00Z", "2025-11-25"}, // born today
		{"251126500908", "2025-11-25T10:00:00Z", "1925-11-26"},
		{"251126500908", "2025-11-25T22:30:00Z", "2025-11-26"}, // already tomorrow in South Africa
		{"000229500908", "2025-11-25T10:00:00Z", "2000-02-29"},
		{"240229500908", "2024-02-28T10:00:00Z", "1924-02-29"},
		{"990101500908", "2025-11-25T10:00:00Z", "1999-01-01"},
		{"251126500908", "2031-01-01T10:00:00Z", "2025-11-26"},
	}
	for _, test := range tests {
		id, problem := ParseID(withCheckDigit(test.digits), false, day(test.at))
		if problem != nil || id.Born.Format(time.DateOnly) != test.want {
			t.Errorf("%s at %s: born %v, %v, want %s", test.digits, test.at, id.Born, problem, test.want)
		}
	}
	if _, problem := ParseID(withCheckDigit("250229500908"), false, uploadTime); problem == nil ||
		problem.Code != records.RejectDate {
		t.Errorf("29 February 2025: %v, want %s", problem, records.RejectDate)
	}
}

func TestAgeCountsBirthdays(t *testing.T) {
	id, problem := ParseID(withCheckDigit("800615500908"), false, uploadTime)
	if problem != nil {
		t.Fatal(problem.Message)
	}
	for at, want := range map[string]int{"2025-06-14": 44, "2025-06-15": 45, "2025-06-16": 45} {
		day, err := time.Parse(time.DateOnly, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Age(day); got != want {
			t.Errorf("age on %s is %d, want %d", at, got, want)
		}
	}
}

// drawValidID draws an ID number of somebody born in the 99 years before the
// upload.
func drawValidID(t *rapid.T) (string, time.Time) {
	born := uploadTime.AddDate(0, 0, -rapid.IntRange(0, 99*365).Draw(t, "days"))
	serial := rapid.IntRange(0, 9999).Draw(t, "serial")
	tail := rapid.IntRange(0, 99).Draw(t, "tail")
	return withCheckDigit(fmt.Sprintf("%s%04d%02d", born.Format("060102"), serial, tail)), born
}

func TestGeneratedIDsParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number, born := drawValidID(t)
		id, problem := ParseID(number, rapid.Bool().Draw(t, "numeric"), uploadTime)
		if problem != nil {
			t.Fatalf("problem %s", problem.Code)
		}
		if id.Number != number || id.Born.Format(time.DateOnly) != born.Format(time.DateOnly) ||
			id.Male != (number[6] >= '5') {
			t.Fatalf("ID %+v, born %v", id, born)
		}
	})
}

func TestAnyWrongDigitBreaksTheChecksum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number, _ := drawValidID(t)
		at := rapid.IntRange(0, idDigits-1).Draw(t, "at")
		digit := (number[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10 + '0'
		wrong := number[:at] + string(rune(digit)) + number[at+1:]
		if _, problem := ParseID(wrong, false, uploadTime); problem == nil || problem.Code != records.RejectChecksum {
			t.Fatalf("problem %v, want %s", problem, records.RejectChecksum)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, text := range []string{"8001015009087", "800101 5009-087", "0000000000018", "", "-", "1015009087", "8.0E12",
		"٨٠"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, numeric bool) {
		id, problem := ParseID(text, numeric, uploadTime)
		if problem != nil {
			if problem.Code == "" || problem.Message == "" || id != (ID{}) {
				t.Fatalf("problem %+v with ID %+v", problem, id)
			}
			return
		}
		if len(id.Number) != 13 || !isDigits(id.Number) || !hasValidChecksum(id.Number) || id.Born.After(uploadTime) {
			t.Fatalf("ID %+v", id)
		}
		if again, problem := ParseID(id.Number, false, uploadTime); problem != nil || again != id {
			t.Fatalf("the number %+v does not parse again: %v", again, problem)
		}
	})
}
