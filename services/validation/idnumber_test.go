package validation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
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
		"other digits":              {"٨٠٠١٠١٥٠٠٩٠٨٧", false, "8001015009087"},
		"full width":                {"８００１０１５００９０８７", false, "8001015009087"},
		"Devanagari":                {"८००१०१५००९०८७", false, "8001015009087"},
		"footnote":                  {"800101500908⁷", false, records.RejectFormat},
		"decimals of a float":       {"8001015009087.0", false, "8001015009087"},
		"more of them":              {"8001015009087,00", false, "8001015009087"},
		"other decimals":            {"8001015009087.01", false, records.RejectFormat},
		"apostrophe":                {"'8001015009087", false, "8001015009087"},
		"typographic apostrophe":    {"’8001015009087", false, "8001015009087"},
		"formula of a text":         {`="8001015009087"`, false, "8001015009087"},
		"formula of a short text":   {`="` + zerosEaten(t, 1) + `"`, false, records.RejectFormat},
		"another formula":           {"=8001015009087", false, records.RejectFormat},
		"empty formula":             {`=""`, false, records.RejectMissing},
		"byte order mark":           {"\ufeff8001015009087", false, "8001015009087"},
		"zero width":                {"800\u200b101\u200c500\u200d9087\u2060", false, "8001015009087"},
		"no-break spaces":           {"800101\u00a05009\u202f087\u2007", false, "8001015009087"},
		"marks of direction":        {"\u202a\u200e8001015009087\u202c\u2069", false, "8001015009087"},
		"soft hyphen":               {"800101\u00ad5009087", false, "8001015009087"},
		"control characters":        {"8001015009087\x00", false, "8001015009087"},
		"Hangul filler":             {"8001015009087\u3164", false, "8001015009087"},
		"dots":                      {"800101.5009.087", false, records.RejectFormat},
		"lost digits":               {"8.00101E+12", false, records.RejectScientific},
		"lost digits, comma":        {"8,00101E+12", false, records.RejectScientific},
		"lost digits, spelled":      {" 8.00101e12 ", false, records.RejectScientific},
		"lost digits, OpenOffice":   {"8.00101E+012", false, records.RejectScientific},
		"lost digits, wide":         {"８．００１０１Ｅ＋１２", false, records.RejectScientific},
		"lost a final zero perhaps": {"8.00101500908E+12", false, records.RejectScientific},
		"all digits":                {"8.001015009087E+12", false, "8001015009087"},
		"all digits, comma":         {"8,001015009087E+12", false, "8001015009087"},
		"all digits and more":       {"8.00101500908700E+12", false, "8001015009087"},
		"fractions":                 {"8.0010150090871E+12", false, records.RejectFormat},
		"tiny":                      {"8.001015009087E-12", false, records.RejectFormat},
		"small":                     {"8E3", false, records.RejectFormat},
		"huge":                      {"8E999", false, records.RejectFormat},
		"a passport":                {"E1234567", false, records.RejectFormat},
		"decimals":                  {"8001015009087.5", true, records.RejectFormat},
		"short":                     {"800101500908", false, records.RejectFormat},
		"long":                      {"80010150090870", false, records.RejectFormat},
		"one zero eaten":            {zerosEaten(t, 1), true, zerosRestored(t, 1)},
		"two zeros eaten":           {zerosEaten(t, 2), true, zerosRestored(t, 2)},
		"three zeros eaten":         {zerosEaten(t, 3), true, zerosRestored(t, 3)},
		"zeros eaten, no check":     {"101015009086", true, records.RejectFormat},
		"zeros eaten, no date":      {noDate(t), true, records.RejectFormat},
		"zeros eaten by a float":    {zerosEaten(t, 3) + ".0", false, zerosRestored(t, 3)},
		"zeros eaten, all digits":   {"5." + zerosEaten(t, 1)[1:] + "E+11", false, zerosRestored(t, 1)},
		"a zero first":              {"0" + zerosEaten(t, 3), true, records.RejectFormat},
		"nine digits":               {"821234567", true, records.RejectFormat},
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

// noDate is a number of twelve digits with the right check digit and the month 13.
func noDate(t *testing.T) string {
	t.Helper()
	return strings.TrimLeft(withCheckDigit("011301500908"), "0")
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
		"٨٠", "8,001015009087E+12", "8001015009087\u200b\"", "101015009087.0", "8E-3", "7045006082"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, numeric bool) {
		id, problem := ParseID(text, numeric, uploadTime)
		if problem != nil {
			if problem.Code == "" || problem.Message == "" || id != (ID{}) {
				t.Fatalf("problem %+v with ID %+v", problem, id)
			}
			if strings.TrimSpace(text) == text && len(text) == 13 && spelling.IsValid(text) &&
				problem.Code != records.RejectDate { // born in the future
				t.Fatalf("a valid number has the problem %+v", problem)
			}
			return
		}
		if len(id.Number) != 13 || !isDigits(id.Number) || !hasValidChecksum(id.Number) || id.Born.After(uploadTime) {
			t.Fatalf("ID %+v", id)
		}
		if id.Zeros > 3 || id.Zeros > 0 && strings.TrimLeft(id.Number, "0") != id.Number[id.Zeros:] {
			t.Fatalf("%d zeros restored of %s", id.Zeros, id.Number)
		}
		// Whoever is looked for is found where the number was read.
		if len(text) < 45 && spelling.New(id.Number).Find(text) != spelling.Whole {
			t.Fatalf("%q reads %s and is not found", text, id.Number)
		}
		if len(text) < 45 && !slices.Contains(spelling.Numbers(text), id.Number) {
			t.Fatalf("%q reads %s, and has the numbers %v", text, id.Number, spelling.Numbers(text))
		}
		id.Zeros = 0
		if again, problem := ParseID(id.Number, false, uploadTime); problem != nil || again != id {
			t.Fatalf("the number %+v does not parse again: %v", again, problem)
		}
	})
}
