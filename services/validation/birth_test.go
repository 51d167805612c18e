package validation

import (
	"strings"
	"testing"
	"time"

	"rollcall.example/services/workbook"
)

// The ID number's date of birth wins over the roll's, and the row says so.
func TestTheDateOfBirthIsComparedWithTheIDNumber(t *testing.T) {
	born80, born45 := "8001015009087", withCheckDigit("450304500908")
	born22, born00 := withCheckDigit("220505500908"), withCheckDigit("000229500908")
	date := func(text string) workbook.Cell {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return workbook.Cell{Text: text, Kind: workbook.Date, Day: day}
	}
	for name, test := range map[string]struct {
		id       string
		cell     workbook.Cell
		want     string
		guessed  bool
		warnings string
	}{
		"the same":                   {born80, workbook.Cell{Text: "01/01/1980"}, "1980-01-01", false, ""},
		"as a date":                  {born80, date("1980-01-01"), "1980-01-01", false, ""},
		"as a date with a month":     {born80, workbook.Cell{Text: "1 Jan 1980"}, "1980-01-01", false, ""},
		"two digits of the year":     {born80, workbook.Cell{Text: "1/1/80"}, "1980-01-01", false, ""},
		"two digits, long ago":       {born45, workbook.Cell{Text: "04/03/45"}, "1945-03-04", false, ""},
		"two digits, a leap day":     {born00, workbook.Cell{Text: "29/02/00"}, "2000-02-29", false, ""},
		"as the ID number has it":    {born80, workbook.Cell{Text: "800101"}, "1980-01-01", false, ""},
		"another day":                {born80, workbook.Cell{Text: "02/01/1980"}, "1980-01-01", true, "birth_contradicts_id"},
		"another day as a date":      {born80, date("1981-01-01"), "1980-01-01", true, "birth_contradicts_id"},
		"another, of two digits":     {born80, workbook.Cell{Text: "04/03/45"}, "1980-01-01", true, "birth_contradicts_id"},
		"a century made up by Excel": {born45, date("2045-03-04"), "1945-03-04", true, ""},
		"older than the ID tells":    {born22, date("1922-05-05"), "1922-05-05", false, "age_unlikely"},
		"no date":                    {born80, workbook.Cell{Text: "unknown"}, "", false, "date_unreadable"},
		"no such day":                {born80, workbook.Cell{Text: "30/02/1980"}, "", false, "date_unreadable"},
		"blank":                      {born80, workbook.Cell{}, "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			row := textRow(4, test.id)
			row.Cells = append(row.Cells, test.cell)
			got := judgeTexts(t, []string{"id_number", "date_of_birth"}, row)
			if len(got.rows) != 1 {
				t.Fatalf("%+v", got)
			}
			r := got.rows[0]
			if value := r.Fields["date_of_birth"]; value != test.want {
				t.Errorf("date of birth %q, want %q", value, test.want)
			}
			if guessed := strings.Join(r.Guessed, " "); guessed != "" != test.guessed {
				t.Errorf("guessed %q, want %v", guessed, test.guessed)
			}
			if codes := warningCodes(r.Warnings); codes != test.warnings {
				t.Errorf("warnings %+v, want %s", r.Warnings, test.warnings)
			}
		})
	}
}
