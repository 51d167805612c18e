package validation

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

func TestParseDate(t *testing.T) {
	tests := map[string]string{
		"01/02/2024":                "2024-02-01",
		"1/2/2024":                  "2024-02-01",
		"31-12-2023":                "2023-12-31",
		"31.12.2023":                "2023-12-31",
		"31 12 2023":                "2023-12-31",
		"01/02/24":                  "2024-02-01",
		"01/02/94":                  "1994-02-01",
		"2024-02-01":                "2024-02-01",
		"2024/2/1":                  "2024-02-01",
		"2024-02-29":                "2024-02-29",
		"2024-02-01 13:45":          "2024-02-01",
		"2024-02-01T13:45:00.5Z":    "2024-02-01",
		"01/02/2024 1:45:00 PM":     "2024-02-01",
		"2024-02-01T13:45:00+0200":  "2024-02-01",
		"1 Feb 2024":                "2024-02-01",
		"01-Feb-24":                 "2024-02-01",
		"1st February, 2024":        "2024-02-01",
		"12 Mei 2024":               "2024-05-12",
		"3 Mrt 2024":                "2024-03-03",
		" 1  Sept  2024 ":           "2024-09-01",
		"45323":                     "2024-02-01",
		"45323.75":                  "2024-02-01",
		"Aug 29, 2026":              "2026-08-29",
		"August 29th, 2026":         "2026-08-29",
		"Aug-29-26":                 "2026-08-29",
		"29 August 2026":            "2026-08-29",
		"29th of August 2026":       "2026-08-29",
		"29 Aug. 2026":              "2026-08-29",
		"29Aug2026":                 "2026-08-29",
		"2026 August 29":            "2026-08-29",
		"2026-Aug-29":               "2026-08-29",
		"Saturday, 29 August 2026":  "2026-08-29",
		"Sat, Aug 29, 2026":         "2026-08-29",
		"Saterdag 29 Augustus 2026": "2026-08-29",
		"Ma. 1 Jun. 2026":           "2026-06-01",
		"1ste Januarie 2021":        "2021-01-01",
		"2 Februarie 2021":          "2021-02-02",
		"3 Maart 2021":              "2021-03-03",
		"4 April 2021":              "2021-04-04",
		"5 Mei 2021":                "2021-05-05",
		"6 Junie 2021":              "2021-06-06",
		"7 Julie 2021":              "2021-07-07",
		"8 Augustus 2021":           "2021-08-08",
		"9 Sept. 2021":              "2021-09-09",
		"10 Oktober 2021":           "2021-10-10",
		"11 November 2021":          "2021-11-11",
		"12 DESEMBER 2021":          "2021-12-12",
		"31 Des 21":                 "2021-12-31",
		"20210304":                  "2021-03-04",
		"'2021-03-04":               "2021-03-04",
		`="04/03/2021"`:             "2021-03-04",
		"20210304.0":                "2021-03-04",
		"20210304 00:00:00":         "2021-03-04",
		"2021-03-04 00:00:00 UTC":   "2021-03-04",
		"\u200e04\u200e/\u200e03\u200e/\u200e2021": "2021-03-04",
		"04\u00a0March\u202f2021":                  "2021-03-04",
		"\ufeff2021-03-04\u200b":                   "2021-03-04",
		"2021\u201103\u201104":                     "2021-03-04",
		"04/03/2021, 1:45:00\u202fPM":              "2021-03-04",
		"٠٤/٠٣/٢٠٢١":                               "2021-03-04",
		"０４／０３／２０２１":                               "2021-03-04",
	}
	for text, want := range tests {
		if got, ok := ParseDate(text, DateRules{}); !ok || got.Format(time.DateOnly) != want {
			t.Errorf("ParseDate(%q) = %v, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "2024", "2024-02-30", "29/02/2023", "13/13/2024", "02/31/2024", "0/1/2024",
		"1 Foo 2024", "1 ma 2024", "1 marvel 2024", "last winter", "1899-12-31", "2100-01-01", "1234", "99999", "00001",
		"123456", "12:30", "-45323",
		"20211304", "18991231", "210304", "Foo 29, 2026", "August 2026", "Aug 32, 2026", "12/31/2020", "Monday",
		"20210304.5"} {
		if got, ok := ParseDate(text, DateRules{}); ok {
			t.Errorf("ParseDate(%q) = %v, want none", text, got)
		}
	}
	if got, ok := ParseDate("43861", DateRules{Date1904: true}); !ok || got.Format(time.DateOnly) != "2024-02-01" {
		t.Errorf("serial of the 1904 system: %v, %v", got, ok)
	}
}

// A date that cannot lie in the future has the latest century in which it does not.
func TestYearsOfTwoDigitsKnowTheirField(t *testing.T) {
	rules := DateRules{Latest: dayOf(uploadTime)} // 25 November 2025
	for text, want := range map[string]string{
		"25/11/25": "2025-11-25", "26/11/25": "1925-11-26", "01/02/26": "1926-02-01", "01-Feb-69": "1969-02-01",
		"01/02/70": "1970-02-01", "01/02/00": "2000-02-01", "Feb 1, 99": "1999-02-01", "29/02/28": "1928-02-29",
		"01/02/2031": "2031-02-01",
	} {
		if got, ok := ParseDate(text, rules); !ok || got.Format(time.DateOnly) != want {
			t.Errorf("ParseDate(%q) = %v, %v, want %s", text, got, ok, want)
		}
	}
	row := func(n int, id, date string) workbook.Row { return textRow(n, id, date, date, date) }
	got := judgeTexts(t, []string{"id_number", "date_joined", "last_payment", "expiry_date"},
		row(4, "8001015009087", "01/12/25"), row(5, "9001010001088", "01/12/2025"), row(6, "8506155000084", "24/11/25"))
	if len(got.rows) != 3 {
		t.Fatalf("%+v", got.rejects)
	}
	for i, want := range []struct {
		past, expiry string
		warnings     int
	}{{"1925-12-01", "2025-12-01", 0}, {"2025-12-01", "2025-12-01", 2}, {"2025-11-24", "2025-11-24", 0}} {
		row := got.rows[i]
		if row.Fields["date_joined"] != want.past || row.Fields["last_payment"] != want.past ||
			row.Fields["expiry_date"] != want.expiry || len(row.Warnings) != want.warnings {
			t.Errorf("row %d: %v, %+v", row.N, row.Fields, row.Warnings)
		}
		for _, w := range row.Warnings {
			if w.Code != WarnDateFuture {
				t.Errorf("%+v", w)
			}
		}
	}
}

// A date that is one with the month first only says that the others of its column may be
// meant so. Nothing is exchanged.
func TestTheOrderOfDayAndMonthIsTold(t *testing.T) {
	stored := func(day string) workbook.Cell {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return workbook.Cell{Text: day, Kind: workbook.Date, Day: at}
	}
	ids := []string{"8001015009087", "9001010001088", "8506155000084"}
	judge := func(cells ...workbook.Cell) (got []events.FileWarning, rows []*records.Row) {
		j, err := NewJudge(Settings{UploadedAt: uploadTime, Header: workbook.Header{Row: 1,
			Columns: []string{"ID", "Joined"}, Fields: map[string]int{"id_number": 0, "date_joined": 1}}})
		if err != nil {
			t.Fatal(err)
		}
		for i, cell := range cells {
			id := "12" // rejected, and a proof nevertheless
			if i < len(ids) {
				id = ids[i]
			}
			row, _ := j.JudgeRow(workbook.Row{N: i + 2, Cells: []workbook.Cell{{Text: id}, cell}})
			if row != nil {
				rows = append(rows, row)
			}
		}
		return j.FileWarnings(), rows
	}
	text := func(text string) workbook.Cell { return workbook.Cell{Text: text} }
	got, rows := judge(text("03/04/2021"), text("12/31/2020"), text("05/05/2021"))
	if len(got) != 1 || got[0].Code != CodeDateOrder ||
		!strings.Contains(got[0].Message, "Column B (Joined) may have the month first") ||
		!strings.Contains(got[0].Message, "12/31/2020: 1;") || !strings.Contains(got[0].Message, "03/04/2021: 1;") ||
		strings.Contains(got[0].Message, "stored") {
		t.Errorf("%+v", got)
	}
	if rows[0].Fields["date_joined"] != "2021-04-03" || rows[1].Fields["date_joined"] != "" ||
		len(rows[1].Warnings) != 1 || rows[1].Warnings[0].Code != WarnDate {
		t.Errorf("%+v, %+v", rows[0].Fields, rows[1])
	}
	if got, _ := judge(text("03/04/2021"), text(""), text(""), text("12/31/2020")); len(got) != 1 {
		t.Errorf("a rejected row proves nothing: %+v", got)
	}
	if got, _ := judge(stored("2021-04-03"), text("12/31/2020")); len(got) != 1 ||
		!strings.Contains(got[0].Message, "stored as dates were read as they are: 1;") {
		t.Errorf("%+v", got)
	}
	for name, cells := range map[string][]workbook.Cell{
		"day first": {text("03/04/2021"), text("31/12/2020")}, "never read both ways": {text("12/31/2020")},
		"no date": {text("03/04/2021"), text("13/13/2020")}, "ISO": {text("2021-04-03"), text("12/31/2020")},
		"the spreadsheet knew": {stored("2021-04-03"), stored("2021-04-30"), text("12/31/2020")},
	} {
		if got, _ := judge(cells...); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
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
			"02-Jan-06", "2 January 2006", "2006-01-02 15:04:05", "20060102", "Jan 2, 2006", "January 2, 2006",
			"Monday, 2 January 2006"}).Draw(t, "form")
		if got, ok := ParseDate(day.Format(form), DateRules{}); !ok || !got.Equal(day) {
			t.Fatalf("%s reads %v, %v", day.Format(form), got, ok)
		}
	})
}

var fourDigitsOrSerial = regexp.MustCompile(`\d{4}`)

func FuzzDate(f *testing.F) {
	for _, text := range []string{"01/02/2024", "2024-02-01", "1 Feb 24", "45323", "45323.5", "2024-02-01T10:00Z", "",
		"31/02/2024", "Aug 29, 2026", "20210304", "Ma. 1 Jun 26", "\x9c\xc3", "١/٢/٢٤", "\u200e1/2/24 1:45\u202fpm"} {
		f.Add(text, false, false)
	}
	f.Add("43861", true, true)
	f.Fuzz(func(t *testing.T, text string, date1904, past bool) {
		rules := DateRules{Date1904: date1904}
		if past {
			rules.Latest = dayOf(uploadTime)
		}
		day, order, ok := rules.read(text)
		if ok == (order == orderMonth) && order != orderPlain {
			t.Fatalf("%q is a date: %t, of order %d", text, ok, order)
		}
		if !ok {
			return
		}
		if past && day.After(rules.Latest) && !fourDigitsOrSerial.MatchString(tidyDate(text)) {
			t.Fatalf("%q reads %v, in the future", text, day)
		}
		if day.Year() < 1900 || day.Year() > 2099 || !day.Equal(day.Truncate(24*time.Hour)) {
			t.Fatalf("%q reads %v", text, day)
		}
		if again, ok := ParseDate(day.Format(time.DateOnly), rules); !ok || !again.Equal(day) {
			t.Fatalf("%v reads %v again", day, again)
		}
	})
}
