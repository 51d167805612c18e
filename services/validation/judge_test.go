package validation

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

// judged is the outcome of the rows of a roll.
type judged struct {
	rows    []records.Row
	rejects []records.RejectedRow
	stats   events.ValidationStats
}

// judgeTexts judges rows of texts below a header in row 3.
func judgeTexts(t *testing.T, header []string, rows ...workbook.Row) judged {
	t.Helper()
	fields := make(map[string]int)
	for i, field := range header {
		if field != "" {
			fields[field] = i
		}
	}
	return judgeAll(t, Settings{Header: workbook.Header{Row: 3, Columns: header, Fields: fields},
		UploadedAt: uploadTime}, slices.Values(rows))
}

func judgeAll(t *testing.T, s Settings, rows func(func(workbook.Row) bool)) judged {
	t.Helper()
	judge, err := NewJudge(s)
	if err != nil {
		t.Fatal(err)
	}
	var result judged
	for row := range rows {
		valid, reject := judge.JudgeRow(row)
		if valid != nil {
			result.rows = append(result.rows, *valid)
		}
		if reject != nil {
			result.rejects = append(result.rejects, *reject)
		}
	}
	for i := range result.rejects {
		judge.Complete(&result.rejects[i])
	}
	result.stats = judge.Stats()
	return result
}

func textRow(n int, cells ...string) workbook.Row {
	row := workbook.Row{N: n}
	for _, text := range cells {
		row.Cells = append(row.Cells, workbook.Cell{Text: text})
	}
	return row
}

func TestRowsAreJudgedInTheSheetsOrder(t *testing.T) {
	got := judgeTexts(t, []string{"surname", "id_number", "shoe_size"},
		textRow(1, "title", "8506155000084"),
		textRow(3, "surname", "id_number", "shoe_size"),
		textRow(4, "A", "8001015009087", "7"),
		textRow(5, " ", ""),
		textRow(7, "B", "800101 5009 087", "8", "", "beyond", ""),
		textRow(8, "C"),
		textRow(9, "D", "8001015009086"),
		textRow(10, "E", "9913315000088"),
		textRow(11, "F", "12"),
		textRow(12, "G", "9001010001088"),
		textRow(13, "H", "8001015009087"),
		textRow(20, "", ""),
	)
	var n []int
	for _, row := range got.rows {
		n = append(n, row.N)
	}
	if !slices.Equal(n, []int{4, 12}) {
		t.Errorf("valid rows %v", n)
	}
	want := []records.RejectedRow{
		{N: 7, Code: records.RejectDuplicate, Cell: "800101 5009 087",
			Cells: []string{"B", "800101 5009 087", "8", "", "beyond"},
			ID:    "8001015009087", FirstRow: 4, Rows: []int{4, 7, 13}, Count: 3},
		{N: 8, Code: records.RejectMissing, Cells: []string{"C", "", ""}},
		{N: 9, Code: records.RejectChecksum, Cell: "8001015009086", Cells: []string{"D", "8001015009086", ""}},
		{N: 10, Code: records.RejectDate, Cell: "9913315000088", Cells: []string{"E", "9913315000088", ""}},
		{N: 11, Code: records.RejectFormat, Cell: "12", Cells: []string{"F", "12", ""}},
		{N: 13, Code: records.RejectDuplicate, Cell: "8001015009087", Cells: []string{"H", "8001015009087", ""},
			ID: "8001015009087", FirstRow: 4, Rows: []int{4, 7, 13}, Count: 3},
	}
	for i, reject := range got.rejects {
		if !strings.HasSuffix(reject.Message, ".") || strings.Contains(reject.Message, "5009") {
			t.Errorf("message %q", reject.Message)
		}
		got.rejects[i].Message = ""
	}
	if !reflect.DeepEqual(got.rejects, want) {
		t.Errorf("rejects\n%+v, want\n%+v", got.rejects, want)
	}
	stats := events.ValidationStats{
		TotalRecords: 8, ValidRecords: 2, ValidIDs: 4, InvalidIDs: 4, UniqueRecords: 2, Duplicates: 2, BlankRows: 2,
	}
	if got.stats != stats {
		t.Errorf("stats %+v, want %+v", got.stats, stats)
	}
	first := got.rows[0]
	if first.ID != "8001015009087" || !slices.Equal(first.Cells, []string{"A", "8001015009087", "7"}) ||
		!reflect.DeepEqual(first.Fields, map[string]string{"surname": "A"}) || first.Warnings != nil {
		t.Errorf("row %+v", first)
	}
}

// One person is one, in whatever spelling: all rows but the first are duplicates.
func TestSpellingsOfOneNumberAreDuplicates(t *testing.T) {
	number := func(n int, text string) workbook.Row {
		return workbook.Row{N: n, Cells: []workbook.Cell{{Text: text, Kind: workbook.Number}}}
	}
	got := judgeTexts(t, []string{"id_number"},
		number(4, "7045006082"), textRow(5, "0007045006082"), textRow(6, "7045006082.0"),
		textRow(7, "7.045006082E+09"), textRow(8, "'0007045006082"), textRow(9, `="0007045006082"`),
		textRow(10, "０００７０４５００６０８２"), textRow(11, "000704\u200b5006082"), number(12, "102030005080"),
		textRow(13, "0102030005080"))
	if len(got.rows) != 2 || got.rows[0].ID != "0007045006082" || got.rows[1].ID != "0102030005080" {
		t.Fatalf("rows %+v", got.rows)
	}
	for i, digits := range []string{"10 digits", "12 digits"} {
		warnings := got.rows[i].Warnings
		if len(warnings) != 1 || warnings[0].Code != WarnZerosRestored || warnings[0].Field != "id_number" ||
			!strings.Contains(warnings[0].Message, digits) || strings.Contains(warnings[0].Message, "0005") {
			t.Errorf("warnings %+v", warnings)
		}
	}
	if len(got.rejects) != 8 || got.stats.Duplicates != 8 {
		t.Errorf("rejects %+v", got.rejects)
	}
	for _, reject := range got.rejects {
		if reject.Code != records.RejectDuplicate {
			t.Errorf("row %d: %s", reject.N, reject.Code)
		}
	}
}

func TestFieldsAreNormalised(t *testing.T) {
	header := []string{"id_number", "firstname", "cell_number", "landline_number", "email", "age", "gender", "race",
		"citizenship", "language", "occupation", "qualification", "ward", "voting_district", "date_joined",
		"last_payment", "expiry_date", "membership_amount", "residential_address"}
	got := judgeTexts(t, header, workbook.Row{N: 4, Cells: []workbook.Cell{
		{Text: "8001015009087", Kind: workbook.Number}, {Text: "  Thabo  Junior "},
		{Text: "821234567", Kind: workbook.Number},
		{Text: "011 123 4567"}, {Text: "T@Example.org"}, {Text: "45", Kind: workbook.Number}, {Text: "m"},
		{Text: "african"},
		{Text: "S.A. citizen"}, {Text: "ZULU"}, {Text: "educator"}, {Text: "grade 12"},
		{Text: "79800001", Kind: workbook.Number},
		{Text: "32840011"}, {Text: "2020-05-06", Kind: workbook.Date, Day: time.Date(2020, 5, 6, 0, 0, 0, 0, time.UTC)},
		{Text: "29/02/2024"}, {}, {Text: "10", Kind: workbook.Number}, {Text: "1 Acacia\nStreet"},
	}})
	want := map[string]string{
		"firstname": "Thabo Junior", "cell_number": "+27821234567", "landline_number": "+27111234567",
		"email": "T@example.org", "age": "45", "gender": "Male", "race": "Black African",
		"citizenship": "South African citizen", "language": "isiZulu",
		"occupation": "Teacher", "qualification": "Matric", "ward": "79800001", "voting_district": "32840011",
		"date_joined": "2020-05-06", "last_payment": "2024-02-29", "expiry_date": "2026-02-28",
		"membership_amount": "10.00", "residential_address": "1 Acacia Street",
	}
	if len(got.rows) != 1 || !reflect.DeepEqual(got.rows[0].Fields, want) || len(got.rows[0].Warnings) != 0 {
		t.Errorf("rows %+v, want fields %v", got.rows, want)
	}
}

func TestWarnings(t *testing.T) {
	young, old, digit := withCheckDigit("201001500908"), withCheckDigit("251126500908"), withCheckDigit("800101500938")
	tests := map[string]struct {
		id, field, text string
		kind            workbook.Kind
		code            string
		stored          string
	}{
		"nothing":              {"8001015009087", "age", "45", workbook.Text, "", "45"},
		"citizenship digit":    {digit, "surname", "A", workbook.Text, WarnCitizenshipDigit, "A"},
		"too young":            {young, "surname", "A", workbook.Text, WarnAge, "A"},
		"16 just now":          {withCheckDigit("091125500908"), "surname", "A", workbook.Text, "", "A"},
		"16 tomorrow":          {withCheckDigit("091126500908"), "surname", "A", workbook.Text, WarnAge, "A"},
		"99":                   {old, "surname", "A", workbook.Text, "", "A"},
		"age contradicts":      {"8001015009087", "age", "47", workbook.Text, WarnAgeDiffers, "47"},
		"age of last year":     {"8001015009087", "age", "44", workbook.Text, "", "44"},
		"age unreadable":       {"8001015009087", "age", "old", workbook.Text, WarnNumber, ""},
		"age with a point":     {"8001015009087", "age", "45.0", workbook.Text, "", "45"},
		"gender contradicts":   {"8001015009087", "gender", "f", workbook.Text, WarnGenderDiffers, "Female"},
		"unknown word is kept": {"8001015009087", "language", " Klingon ", workbook.Text, WarnWord, "Klingon"},
		"no word by substring": {"8001015009087", "gender", "Femalex", workbook.Text, WarnWord, "Femalex"},
		"date":                 {"8001015009087", "date_joined", "30/02/2024", workbook.Text, WarnDate, ""},
		"date too late":        {"8001015009087", "date_joined", "2500-01-01", workbook.Date, WarnDate, ""},
		"money":                {"8001015009087", "membership_amount", "ten", workbook.Text, WarnMoney, ""},
		"e-mail":               {"8001015009087", "email", "none", workbook.Text, WarnEmail, ""},
		"cell number":          {"8001015009087", "cell_number", "123", workbook.Text, WarnPhone, ""},
		"landline":             {"8001015009087", "landline_number", "123", workbook.Text, WarnPhone, ""},
		"ward":                 {"8001015009087", "ward", "Ward 12", workbook.Text, WarnCode, ""},
		"failed formula":       {"8001015009087", "surname", "#N/A", workbook.Failed, WarnFormula, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			row := textRow(4, test.id, test.text)
			row.Cells[1].Kind = test.kind
			got := judgeTexts(t, []string{"id_number", test.field}, row)
			if len(got.rows) != 1 {
				t.Fatalf("rejects %+v", got.rejects)
			}
			var codes []string
			for _, warning := range got.rows[0].Warnings {
				codes = append(codes, warning.Code)
				if warning.Field == "" || !strings.HasSuffix(warning.Message, ".") ||
					strings.Contains(warning.Message, test.id) {
					t.Errorf("warning %+v", warning)
				}
			}
			if w := got.rows[0].Warnings; test.stored == "" && len(w) == 1 &&
				!strings.Contains(w[0].Message, strconv.Quote(test.text)) {
				t.Errorf("%q does not show the cell", w[0].Message)
			}
			if strings.Join(codes, " ") != test.code || got.stats.Warnings != len(codes) {
				t.Errorf("warnings %v (%d counted), want %s", codes, got.stats.Warnings, test.code)
			}
			stored, ok := got.rows[0].Fields[test.field]
			if stored != test.stored || ok != (test.stored != "") {
				t.Errorf("stored %q, want %q", stored, test.stored)
			}
		})
	}
}

func TestExpiryIsFilledInOnlyWhereMissing(t *testing.T) {
	header := []string{"id_number", "last_payment", "expiry_date"}
	tests := map[string]struct{ paid, expiry, want string }{
		"missing":    {"31/08/2023", "", "2025-08-31"},
		"given":      {"31/08/2023", "2024-01-01", "2024-01-01"},
		"unreadable": {"31/08/2023", "soon", ""},
		"never paid": {"", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := judgeTexts(t, header, textRow(4, "8001015009087", test.paid, test.expiry))
			if len(got.rows) != 1 || got.rows[0].Fields["expiry_date"] != test.want {
				t.Errorf("rows %+v, want expiry %q", got.rows, test.want)
			}
		})
	}
	got := judgeTexts(t, header[:2], textRow(4, "8001015009087", "31/08/2023"))
	if len(got.rows) != 1 || got.rows[0].Fields["expiry_date"] != "2025-08-31" {
		t.Errorf("without the column: %+v", got.rows)
	}
}

func TestNewJudgeRefusesMissingSettings(t *testing.T) {
	if _, err := NewJudge(Settings{UploadedAt: uploadTime}); err == nil {
		t.Error("NewJudge accepts a header without an ID column")
	}
	header := workbook.Header{Row: 1, Columns: []string{"ID"}, Fields: map[string]int{"id_number": 0}}
	if _, err := NewJudge(Settings{Header: header}); err == nil {
		t.Error("NewJudge accepts a zero UploadedAt")
	}
}

// A row tells which of its cells were cut, also in a column that the roll does not know.
func TestARowTellsItsCutCells(t *testing.T) {
	row := textRow(4, "8001015009087", "A", "note")
	row.Cells[1].Cut, row.Cells[2].Cut = true, true
	got := judgeTexts(t, []string{"id_number", "surname", "Remarks"}, row)
	if len(got.rows) != 1 || len(got.rows[0].Warnings) != 2 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []records.Warning{{Field: "surname", Code: WarnCut}, {Code: WarnCut}} {
		w := got.rows[0].Warnings[i]
		if w.Field != want.Field || w.Code != want.Code || !strings.Contains(w.Message, "32,767 characters is left out.") {
			t.Errorf("warning %+v", w)
		}
	}
}
