package validation

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDate(t *testing.T) {
	tests := map[string]string{
		"01/02/2024":               "2024-02-01",
		"1/2/2024":                 "2024-02-01",
		"31-12-2023":               "2023-12-31",
		"31.12.2023":               "2023-12-31",
		"31 12 2023":               "2023-12-31",
		"01/02/24":                 "2024-02-01",
		"01/02/94":                 "1994-02-01",
		"2024-02-01":               "2024-02-01",
		"2024/2/1":                 "2024-02-01",
		"2024-02-29":               "2024-02-29",
		"2024-02-01 13:45":         "2024-02-01",
		"2024-02-01T13:45:00.5Z":   "2024-02-01",
		"01/02/2024 1:45:00 PM":    "2024-02-01",
		"2024-02-01T13:45:00+0200": "2024-02-01",
		"1 Feb 2024":               "2024-02-01",
		"01-Feb-24":                "2024-02-01",
		"1st February, 2024":       "2024-02-01",
		"12 Mei 2024":              "2024-05-12",
		"3 Mrt 2024":               "2024-03-03",
		" 1  Sept  2024 ":          "2024-09-01",
		"45323":                    "2024-02-01",
		"45323.75":                 "2024-02-01",
	}
	for text, want := range tests {
		if got, ok := ParseDate(text, false); !ok || got.Format(time.DateOnly) != want {
			t.Errorf("ParseDate(%q) = %v, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "2024", "2024-02-30", "29/02/2023", "13/13/2024", "02/31/2024", "0/1/2024",
		"1 Foo 2024", "1 ma 2024", "1 marvel 2024", "last winter", "1899-12-31", "2100-01-01", "1234", "99999", "00001",
		"123456", "12:30", "-45323"} {
		if got, ok := ParseDate(text, false); ok {
			t.Errorf("ParseDate(%q) = %v, want none", text, got)
		}
	}
	if got, ok := ParseDate("43861", true); !ok || got.Format(time.DateOnly) != "2024-02-01" {
		t.Errorf("serial of the 1904 system: %v, %v", got, ok)
	}
}

func TestExpiryAfter(t *testing.T) {
	tests := map[string]string{
		"2023-06-15": "2025-06-15",
		"2024-02-29": "2026-02-28",
		"2022-02-28": "2024-02-28",
		"2023-12-31": "2025-12-31",
		"2023-01-31": "2025-01-31",
	}
	for paid, want := range tests {
		day, err := time.Parse(time.DateOnly, paid)
		if err != nil {
			t.Fatal(err)
		}
		if got := ExpiryAfter(day).Format(time.DateOnly); got != want {
			t.Errorf("ExpiryAfter(%s) = %s, want %s", paid, got, want)
		}
	}
}

func TestEveryDayParsesInEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 99*365).Draw(t, "days"))
		form := rapid.SampledFrom([]string{"2006-01-02", "2006/1/2", "02/01/2006", "2-1-2006", "02.01.06", "2 Jan 2006",
			"02-Jan-06", "2 January 2006", "2006-01-02 15:04:05"}).Draw(t, "form")
		if got, ok := ParseDate(day.Format(form), false); !ok || !got.Equal(day) {
			t.Fatalf("%s reads %v, %v", day.Format(form), got, ok)
		}
	})
}

func FuzzDate(f *testing.F) {
	for _, text := range []string{"01/02/2024", "2024-02-01", "1 Feb 24", "45323", "45323.5", "2024-02-01T10:00Z", "",
		"31/02/2024"} {
		f.Add(text, false)
	}
	f.Add("43861", true)
	f.Fuzz(func(t *testing.T, text string, date1904 bool) {
		day, ok := ParseDate(text, date1904)
		if !ok {
			return
		}
		if day.Year() < 1900 || day.Year() > 2099 || !day.Equal(day.Truncate(24*time.Hour)) {
			t.Fatalf("%q reads %v", text, day)
		}
		if again, ok := ParseDate(day.Format(time.DateOnly), date1904); !ok || !again.Equal(day) {
			t.Fatalf("%v reads %v again", day, again)
		}
	})
}
