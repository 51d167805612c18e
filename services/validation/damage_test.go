package validation

import (
	"strings"
	"testing"

	"rollcall.example/services/workbook"
)

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
