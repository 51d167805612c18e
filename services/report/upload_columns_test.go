package report

import (
	"testing"

	"rollcall.example/events/records"
)

// A cell whose value came from elsewhere is shown as it was uploaded.
func TestAGuessedDateDoesNotReplaceTheCell(t *testing.T) {
	c, err := newUploadColumns(records.Header{Columns: []string{"DOB", "Joined"},
		Fields: map[string]int{"date_of_birth": 0, "date_joined": 1}})
	if err != nil {
		t.Fatal(err)
	}
	e := &entry{row: &records.Row{Cells: []string{"2/1/1980", "2/1/2020"}, Guessed: []string{"date_of_birth"},
		Fields: map[string]string{"date_of_birth": "1980-01-01", "date_joined": "2020-01-02"}}}
	cells := c.fillCells(nil, e)
	if len(cells) != 2 || cells[0].cell.number || cells[0].cell.value != "2/1/1980" || !cells[1].cell.number {
		t.Errorf("%+v", cells)
	}
}
