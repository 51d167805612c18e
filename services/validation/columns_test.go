package validation

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/workbook"
)

func TestEveryColumnThatIsNotUsedIsTold(t *testing.T) {
	header := workbook.Header{
		Row: 1,
		Columns: []string{"ID Number", "Shoe Size", "Cell Number", "Cell No", "Age", "Of 800101 5009 087", "", "Notes",
			"Tail"},
		Fields: map[string]int{"id_number": 0, "cell_number": 2, "age": 4}, Twice: map[int]int{3: 2},
		LeftOut: map[int]bool{8: true},
	}
	judge, err := NewJudge(Settings{Header: header, UploadedAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	row := workbook.Row{N: 2}
	for _, text := range []string{"8001015009087", "7", "0821234567", "0821234567", "", "x", "", "", "y"} {
		row.Cells = append(row.Cells, workbook.Cell{Text: text})
	}
	judge.JudgeRow(row)
	want := events.ColumnUse{UnusedTotal: 6, Unused: []events.UnusedColumn{
		{Letter: "B", Name: "Shoe Size", Why: "unknown"},
		{Letter: "D", Name: "Cell No", Why: "twice", Used: "C"},
		{Letter: "E", Name: "Age", Why: "empty"},
		{Letter: "F", Name: "Of 800101*****87", Why: "unknown"},
		{Letter: "H", Name: "Notes", Why: "empty"},
		{Letter: "I", Name: "Tail", Why: "left_out"},
	}}
	if got := judge.ColumnUse(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAGuessedColumnIsTold(t *testing.T) {
	judge, err := NewJudge(Settings{
		Header: workbook.Header{Row: 1, Columns: []string{"Surname", "Kode"},
			Fields: map[string]int{"id_number": 1, "surname": 0}, Guess: &workbook.Guess{Column: 1, IDs: 48, Filled: 50}},
		UploadedAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	guessed := judge.ColumnUse().Guessed
	if len(guessed) != 1 || guessed[0].Letter != "B" || guessed[0].Name != "Kode" || guessed[0].Field != "id_number" ||
		!strings.Contains(guessed[0].Message, "Column B was taken as the ID number because 48 of its first 50") {
		t.Errorf("told %+v", guessed)
	}
}

func TestAWideFileNamesTheFirstUnusedColumns(t *testing.T) {
	header := workbook.Header{Row: 1, Columns: []string{"ID"}, Fields: map[string]int{"id_number": 0}}
	for range 800 {
		header.Columns = append(header.Columns, strings.Repeat("é", 1000))
	}
	judge, err := NewJudge(Settings{Header: header, UploadedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	use := judge.ColumnUse()
	if use.UnusedTotal != 801 || len(use.Unused) != events.MaxUnused || len([]rune(use.Unused[1].Name)) != 60 {
		t.Errorf("%d of %d columns told", len(use.Unused), use.UnusedTotal)
	}
}
