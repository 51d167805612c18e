package validation

import (
	"bytes"
	"slices"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// From the file's bytes to the judgement: only the file decides the kind of a cell.
func TestARollIsJudgedAsItsCellsAreStored(t *testing.T) {
	eaten := zerosRestored(t, 1)
	file := xlsx.NewFile()
	about, err := file.AddSheet("About")
	if err != nil {
		t.Fatal(err)
	}
	about.AddRow().AddCell().SetString("Read this first")
	sheet, err := file.AddSheet("Members")
	if err != nil {
		t.Fatal(err)
	}
	sheet.AddRow().AddCell().SetString("Branch 7, all members")
	sheet.AddRow()
	header := sheet.AddRow()
	for _, text := range []string{"name", "RSA  ID", "Ward Code", "Branch Code", "MEMEBERSHIP AMOUNT", "Date joined"} {
		header.AddCell().SetString(text)
	}
	type cells = []any // a string is text, a number is stored as given
	type number string
	for _, row := range []cells{
		{"Ann", number("8.001015009087E12"), number("79800001"), "0007", number("10.1"), number("45323")}, // row 4
		{"Ben", "9001010001088", "79800001.0", number("7"), "R10.00", "01/02/2024"},
		{"", "", "", " "},
		{"Cas", number(zerosEaten(t, 1)), number("79800001.0"), "1E5", "R1,234.50", "2024-02-01"}, // row 7
		{"Dan", zerosEaten(t, 1), "", "", "", ""},
		{"Eve", number("9001010001088"), "", "", "", ""},
	} {
		to := sheet.AddRow()
		for _, value := range row {
			if n, ok := value.(number); ok {
				to.AddCell().SetNumeric(string(n))
			} else {
				to.AddCell().SetString(value.(string))
			}
		}
	}
	var data bytes.Buffer
	if err := file.Write(&data); err != nil {
		t.Fatal(err)
	}

	opened, err := workbook.Open(t.Context(), bytes.NewReader(data.Bytes()), int64(data.Len()), workbook.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	found, at, err := opened.Roll(columns)
	if err != nil {
		t.Fatal(err)
	}
	if found.Name != "Members" || at.Row != 3 {
		t.Fatalf("sheet %s, header in row %d", found.Name, at.Row)
	}
	got := judgeAll(t, Settings{Header: at, UploadedAt: uploadTime, Date1904: opened.Date1904},
		func(yield func(workbook.Row) bool) {
			for row, err := range found.Rows() {
				if err != nil {
					t.Fatal(err)
				}
				if !yield(row) {
					return
				}
			}
		})

	want := []struct {
		n      int
		id     string
		cells  []string
		amount string
	}{
		{4, "8001015009087", []string{"Ann", "8001015009087", "79800001", "0007", "10.1", "45323"}, "10.10"},
		{5, "9001010001088", []string{"Ben", "9001010001088", "79800001.0", "7", "R10.00", "01/02/2024"}, "10.00"},
		{7, eaten, []string{"Cas", zerosEaten(t, 1), "79800001", "1E5", "R1,234.50", "2024-02-01"}, "1234.50"},
	}
	if len(got.rows) != len(want) {
		t.Fatalf("%d rows, want %d; rejects %+v", len(got.rows), len(want), got.rejects)
	}
	for i, row := range got.rows {
		w := want[i]
		if row.N != w.n || row.ID != w.id || !slices.Equal(row.Cells, w.cells) {
			t.Errorf("row %d, ID %s, cells %q, want %+v", row.N, row.ID, row.Cells, w)
		}
		if f := row.Fields; f["ward"] != "79800001" || f["date_joined"] != "2024-02-01" ||
			f["membership_amount"] != w.amount {
			t.Errorf("row %d has fields %v", row.N, f)
		}
	}
	if len(got.rejects) != 2 || got.rejects[0].N != 8 || got.rejects[0].Code != records.RejectFormat ||
		got.rejects[1].N != 9 || got.rejects[1].Code != records.RejectDuplicate ||
		!slices.Equal(got.rejects[1].Rows, []int{5, 9}) {
		t.Errorf("rejects %+v", got.rejects)
	}
	if got.stats.TotalRecords != 5 || got.stats.BlankRows != 1 {
		t.Errorf("stats %+v", got.stats)
	}
}
