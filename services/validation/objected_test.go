package validation

import (
	"testing"
	"time"

	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

// The row of somebody who has objected has its number and the code, whatever else it
// says and however the ID number is written.
func TestTheRowOfSomebodyWhoHasObjectedSaysNothing(t *testing.T) {
	const objector, other = "8001015009087", "9001010001088"
	judge, err := NewJudge(Settings{
		Header:     workbook.Header{Row: 1, Columns: []string{"ID", "Name"}, Fields: map[string]int{"id_number": 0}},
		UploadedAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Objected:   func(id string) bool { return id == objector },
	})
	if err != nil {
		t.Fatal(err)
	}
	for n, cell := range []string{objector, "800101 5009 087", "ID:" + objector, "８００１０１５００９０８７",
		"8001015009087.0", "'8001015009087", `="8001015009087"`, "8.001015009087E+12", "٨٠٠١٠١٥٠٠٩٠٨٧",
		"\ufeff800101\u200b5009087"} {
		row := workbook.Row{N: n + 2, Cells: []workbook.Cell{{Text: cell}, {Text: "Thandi"}}}
		valid, reject := judge.JudgeRow(row)
		if valid != nil || reject == nil || reject.Code != records.RejectObjected || reject.N != n+2 ||
			reject.Cell != "" || len(reject.Cells) != 0 || reject.ID != "" {
			t.Errorf("%q: %+v, %+v", cell, valid, reject)
		}
	}
	if valid, _ := judge.JudgeRow(workbook.Row{N: 90, Cells: []workbook.Cell{{Text: other}}}); valid == nil {
		t.Error("somebody else is left out")
	}
	if s := judge.Stats(); s.Objected != 10 || s.ValidRecords != 1 || s.Duplicates != 0 || s.TotalRecords != 11 {
		t.Errorf("%+v", s)
	}
}

// Somebody born in 2000 is known without the zeros that a spreadsheet ate, also where they
// are not put back.
func TestObjectionsKnowNumbersWithoutTheirZeros(t *testing.T) {
	judge, err := NewJudge(Settings{
		Header:     workbook.Header{Row: 1, Columns: []string{"ID"}, Fields: map[string]int{"id_number": 0}},
		UploadedAt: uploadTime,
		Objected:   func(id string) bool { return id == "0007045006082" },
	})
	if err != nil {
		t.Fatal(err)
	}
	for n, cell := range []workbook.Cell{
		{Text: "7045006082", Kind: workbook.Number}, {Text: "7045006082"}, {Text: "7045006082.0"},
		{Text: "7.045006082E+09"}, {Text: "0007045006082"},
	} {
		_, reject := judge.JudgeRow(workbook.Row{N: n + 2, Cells: []workbook.Cell{cell}})
		if reject == nil || reject.Code != records.RejectObjected {
			t.Errorf("%+v: %+v", cell, reject)
		}
	}
}
