package validation

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

// A formula that nobody has calculated is no blank cell.
func TestFormulasWithoutAResultAreTold(t *testing.T) {
	none := workbook.Cell{Formula: true, NoResult: true}
	got := judgeTexts(t, []string{"id_number", "surname", "age"},
		workbook.Row{N: 4, Cells: []workbook.Cell{{Text: "8001015009087"}, none, {Text: "46"}, none}},
		workbook.Row{N: 5, Cells: []workbook.Cell{none}})
	if len(got.rows) != 1 || len(got.rejects) != 1 {
		t.Fatalf("%d rows, %d rejects", len(got.rows), len(got.rejects))
	}
	var told []string
	for _, w := range got.rows[0].Warnings {
		told = append(told, w.Field+" "+w.Code)
		if !strings.Contains(w.Message, "Open the file in Excel, save it") {
			t.Errorf("message %q", w.Message)
		}
	}
	if want := []string{"surname formula_without_result", " formula_without_result"}; !slices.Equal(told, want) {
		t.Errorf("warnings %q, want %q", told, want)
	}
	if m := got.rows[0].Warnings; !strings.Contains(m[0].Message, "(B4)") || !strings.Contains(m[1].Message, "(D4)") {
		t.Errorf("%+v", m)
	}
	if r := got.rejects[0]; r.Code != records.RejectNoResult || !strings.Contains(r.Message, "(A5) has a formula") {
		t.Errorf("%+v", r)
	}
}

// A cell that the file does not hold is told on its row, and rejects it in the ID column.
func TestCellsThatTheFileDoesNotHoldAreTold(t *testing.T) {
	got := judgeTexts(t, []string{"id_number", "surname", "firstname"},
		workbook.Row{N: 4, Cells: []workbook.Cell{{Text: "8001015009087"}, {Lost: true}, {Text: "B", Twice: true}}},
		workbook.Row{N: 5, Cells: []workbook.Cell{{Lost: true}, {Text: "A"}}},
		workbook.Row{N: 6, Cells: []workbook.Cell{{Lost: true}}})
	if len(got.rows) != 1 || len(got.rejects) != 2 {
		t.Fatalf("%d rows, %d rejects", len(got.rows), len(got.rejects))
	}
	told := got.rows[0].Warnings
	if len(told) != 2 || told[0].Code != WarnLost || told[0].Field != "surname" ||
		!strings.Contains(told[0].Message, "(B4)") || told[1].Code != WarnTwice ||
		!strings.Contains(told[1].Message, "(C4)") || got.rows[0].Fields["firstname"] != "B" {
		t.Errorf("%+v, %+v", told, got.rows[0].Fields)
	}
	for _, r := range got.rejects {
		if !strings.Contains(r.Message, "cannot be read") {
			t.Errorf("%+v", r)
		}
	}
	if name := cellName(16_383, 7); name != "XFD7" {
		t.Error(name)
	}
}

func TestWhatWasMendedInATextIsToldOnItsRow(t *testing.T) {
	row := func(n int, faults workbook.Fault, texts ...string) workbook.Row {
		r := textRow(n, texts...)
		r.Fields, r.Faults = len(texts), faults
		return r
	}
	got := judgeTexts(t, []string{"id_number", "surname", "firstname"},
		row(4, workbook.UnclosedQuote, "8001015009087", "A,B"),
		row(5, workbook.OddBytes|workbook.OddCharacters, "9001010001088", "A", "B", "C"),
		row(6, 0, "8506155000084", "A", "B", "", ""),
		row(7, 0, "8001015009087", "A"),
		row(8, workbook.UnclosedQuote, "12", "A", "B"))
	var told []string
	for _, r := range got.rows {
		for _, w := range r.Warnings {
			told = append(told, fmt.Sprint(r.N, " ", w.Code))
		}
	}
	want := []string{"4 quote_unclosed", "5 bytes_unreadable", "5 characters_left_out", "5 field_count"}
	if !slices.Equal(told, want) {
		t.Errorf("warnings %q, want %q", told, want)
	}
	if len(got.rejects) != 2 || !strings.Contains(got.rejects[0].Message, "The row has 2 fields, the header 3.") ||
		!strings.Contains(got.rejects[1].Message, "never closed") {
		t.Errorf("%+v", got.rejects)
	}
}

// A roll without a header row has no width that its rows could have.
func TestRowsBelowNoHeaderAreNotCounted(t *testing.T) {
	got := judgeAll(t, Settings{Header: workbook.Header{Row: 1, Columns: []string{"Branch 7"},
		Fields: map[string]int{"id_number": 1}, Guess: &workbook.Guess{Column: 1}}, UploadedAt: uploadTime},
		slices.Values([]workbook.Row{{N: 2, Cells: []workbook.Cell{{Text: "A"}, {Text: "8001015009087"}}, Fields: 2}}))
	if len(got.rows) != 1 || len(got.rows[0].Warnings) != 0 {
		t.Errorf("%+v", got.rows)
	}
}
