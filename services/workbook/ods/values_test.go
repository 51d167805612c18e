package ods

import "testing"

func TestDurations(t *testing.T) {
	for value, want := range map[string]string{
		"PT10H30M05S": "10:30:05", "PT00H00M00S": "00:00:00", "PT10H30M04.6S": "10:30:05", "PT8H": "08:00:00",
		"PT90M": "01:30:00", "P0DT1H": "01:00:00",
	} {
		if kind, got := convertDuration([]byte(value)); kind != Date || string(got) != want {
			t.Errorf("%s reads %q (%d), want the time %s", value, got, kind, want)
		}
	}
	for value, want := range map[string]string{
		"PT24H": "24:00:00", "PT36H15M00S": "36:15:00", "P2DT1S": "48:00:01", "PT23H59M59.9S": "24:00:00",
		// What is no duration of days and less stays as it is.
		"": "", "P": "P", "PT": "PT", "PTH": "PTH", "PT5": "PT5", "-PT5H": "-PT5H", "P1M": "P1M", "P1Y2D": "P1Y2D",
		"PT5X":     "PT5X",
		"PT1.2.3S": "PT1.2.3S", "PT99999999999999H": "PT99999999999999H", "10:30": "10:30", "soon": "soon",
	} {
		if kind, got := convertDuration([]byte(value)); kind != Text || string(got) != want {
			t.Errorf("%s reads %q (%d), want the text %s", value, got, kind, want)
		}
	}
}

func TestDates(t *testing.T) {
	for value, want := range map[string]struct {
		kind Kind
		text string
	}{
		"2026-08-29":                    {Date, "2026-08-29"},
		"2026-08-29T00:00:00":           {Date, "2026-08-29"},
		"2026-08-29T10:30":              {Date, "2026-08-29T10:30:00"},
		"2026-08-29T10:30:00.25Z":       {Date, "2026-08-29T10:30:00"},
		"2026-12-31T23:59:59.999999999": {Date, "2027-01-01"},
		"1899-12-30T10:30:00":           {Date, "10:30:00"},
		"1899-12-30":                    {Text, "1899-12-30"},
		"1850-08-29T10:30:00":           {Text, "1850-08-29 10:30:00"},
		"-0100-08-29":                   {Text, "-0100-08-29"},
		"12026-08-29":                   {Text, "12026-08-29"},
		"29 August":                     {Text, "29 August"},
		"":                              {Text, ""},
	} {
		if kind, got := convertDate([]byte(value)); kind != want.kind || string(got) != want.text {
			t.Errorf("%s reads %q (%d), want %q (%d)", value, got, kind, want.text, want.kind)
		}
	}
}
