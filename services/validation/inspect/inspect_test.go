package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook"
)

var now = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func lookAt(t *testing.T, data []byte) *Report {
	t.Helper()
	report, err := File(t.Context(), bytes.NewReader(data), int64(len(data)), Settings{Name: "roll", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// show writes what is told of the columns, a line each.
func show(r *Report) string {
	var out strings.Builder
	for _, c := range r.Columns {
		field := "-"
		if c.Field != nil {
			field = *c.Field
		}
		fmt.Fprintf(&out, "%s %q %s %s%s %d %q\n", c.Letter, c.Header, field, c.Why, c.Used, c.Filled, c.Values)
	}
	return out.String()
}

func TestFileTellsWhatWouldBeRead(t *testing.T) {
	book := xlsx.NewFile()
	add := func(name string, hidden bool, rows ...string) {
		sheet, err := book.AddSheet(name)
		if err != nil {
			t.Fatal(err)
		}
		sheet.Hidden = hidden
		for _, text := range rows {
			row := sheet.AddRow()
			for cell := range strings.SplitSeq(text, "|") {
				row.AddCell().SetString(cell)
			}
		}
	}
	add("Notes", false, "Members of 2026", "of the branch")
	add("Old", true, "ID Number", "8001015009087")
	add("Roll", false, "The roll", "", "Surname|Identity No.|Shoe|Cell No|Age|Cell Number|Note of 8001015009087",
		"Khumalo|800101 5009 087|7||x|0821234567|see 8506155000084",
		"Nel|8506155000084|8||x|0821234568|", "Nel|8506155000084|8|||0821234568|",
		"Botha|8001015009086|9|||x|", "", "Dlamini||9||||")
	var buf bytes.Buffer
	if err := book.Write(&buf); err != nil {
		t.Fatal(err)
	}
	r := lookAt(t, buf.Bytes())
	want := `A "Surname" surname header 5 ["Khumalo" "Nel" "Nel"]
B "Identity No." id_number header 4 ["800101 **** *87" "850615*****84" "850615*****84"]
C "Shoe" - unknown 5 ["7" "8" "8"]
D "Cell No" - empty 0 []
E "Age" age header 2 ["x" "x"]
F "Cell Number" cell_number header 4 ["0821234567" "0821234568" "0821234568"]
G "Note of 800101*****87" - unknown 1 ["see 850615*****84"]
`
	if got := show(r); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if len(r.Sheets) != 3 || r.Sheet != 2 || r.Sheets[0] != (Sheet{Name: "Notes", Rows: 2}) ||
		r.Sheets[1] != (Sheet{Name: "Old", Rows: 2, Hidden: true}) || r.Sheets[2].Rows != 7 || r.HeaderRow != 3 {
		t.Errorf("sheets %+v, %d is read, header in row %d", r.Sheets, r.Sheet, r.HeaderRow)
	}
	if r.Counts != (Counts{TotalRecords: 5, ValidRecords: 2, ValidIDs: 3, InvalidIDs: 2, Duplicates: 1, BlankRows: 1}) {
		t.Errorf("%+v", r.Counts)
	}
	if fmt.Sprint(r.Rejected) != "map[checksum:1 duplicate:1 missing:1]" || r.Refusal != nil {
		t.Errorf("rejected %v, refused %+v", r.Rejected, r.Refusal)
	}
	if len(r.RowWarnings) != 1 || r.RowWarnings[0].Field != "age" || r.RowWarnings[0].Rows != 2 ||
		r.RowWarnings[0].FirstRow != 4 {
		t.Errorf("%+v", r.RowWarnings)
	}
	if len(r.FileWarnings) != 1 || r.FileWarnings[0].Code != "hidden_sheets" {
		t.Errorf("%+v", r.FileWarnings)
	}
	if !strings.Contains(r.Why, `"Roll" is the first visible sheet`) || !strings.Contains(r.Why, "Row 3 names") {
		t.Error(r.Why)
	}
}

// A file without a column of ID numbers is what a person has to look at most.
func TestFileWithoutARollIsShown(t *testing.T) {
	r := lookAt(t, []byte("8001015009087;Khumalo\n8506155000084;Nel\n"))
	want := `A "" - unknown 2 ["800101*****87" "850615*****84"]
B "" - unknown 2 ["Khumalo" "Nel"]
`
	if got := show(r); got != want || r.HeaderRow != 0 || r.Refusal == nil || r.Refusal.Code != refusal.CodeNoIDColumn ||
		r.Counts.TotalRecords != 2 || !strings.Contains(r.Columns[0].Message, "could be the ID number: 2 of its first 2") {
		t.Errorf("%s%+v", got, r)
	}
	r = lookAt(t, []byte("Ward;Passport\n79800001;A1\n"))
	if r.HeaderRow != 1 || len(r.Columns) != 2 || *r.Columns[0].Field != "ward" || r.Refusal == nil ||
		!strings.Contains(r.Why, "row 1 is most like a header, with one known column and none for the ID number") {
		t.Errorf("%+v", r)
	}
	r = lookAt(t, []byte("ID Number;Ward\n"))
	if r.HeaderRow != 1 || r.Refusal == nil || r.Refusal.Code != refusal.CodeNoRows || r.Encoding != "utf-8" ||
		r.Delimiter != ";" {
		t.Errorf("%+v", r)
	}
}

func TestAGuessedColumnSaysSo(t *testing.T) {
	r := lookAt(t, []byte("Van,Kode\nKhumalo,8001015009087\nNel,8506155000084\n"))
	if len(r.Columns) != 2 || r.Columns[1].Why != "content" || *r.Columns[1].Field != "id_number" || r.Refusal != nil ||
		!strings.Contains(r.Columns[1].Message, "2 of its first 2 cells are valid ID numbers. Please check it.") ||
		!strings.Contains(r.Why, "does not name their column") {
		t.Errorf("%+v", r)
	}
}

// What a person says of the columns is tried before an upload.
func TestAMappingIsLookedAt(t *testing.T) {
	data := []byte("Kode,Surname,Shoe\n8001015009087,Nel,7\n")
	file := func(text string) (*Report, error) {
		m, err := mappings.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return File(t.Context(), bytes.NewReader(data), int64(len(data)), Settings{Now: now, Mapping: m})
	}
	r, err := file(`{"Kode":"id_number","B":null}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `A "Kode" id_number mapping 1 ["800101*****87"]
B "Surname" - left_out 1 ["Nel"]
C "Shoe" - unknown 1 ["7"]
`
	if got := show(r); got != want || r.Counts.ValidIDs != 1 || !strings.Contains(r.Why, "the mapping names") {
		t.Errorf("%s%+v", got, r)
	}
	_, err = file(`{"Nummer":"id_number"}`)
	if refused, ok := errors.AsType[*refusal.Error](err); !ok || refused.Code != refusal.CodeBadMapping {
		t.Errorf("a header that is not there: %v", err)
	}
}

// Rows are counted as for the person who would upload the file.
func TestRowsOutsideTheAreaAreCounted(t *testing.T) {
	data := []byte("ID Number,Ward\n8001015009087,79800001\n8506155000084,19100001\n")
	area := &events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
	r, err := File(t.Context(), bytes.NewReader(data), int64(len(data)), Settings{Now: now, Area: area})
	if err != nil || r.Counts.OutOfArea != 1 || r.Counts.ValidRecords != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAFileThatCannotBeReadIsRefused(t *testing.T) {
	for _, data := range []string{"", "PK\x03\x04 and no more", "<html><table>"} {
		_, err := File(t.Context(), strings.NewReader(data), int64(len(data)), Settings{Now: now})
		if _, ok := errors.AsType[*refusal.Error](err); !ok {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// endingReader ends the context when it is read for the second time.
type endingReader struct {
	io.ReaderAt
	end  context.CancelFunc
	left int
}

func (r *endingReader) ReadAt(p []byte, at int64) (int, error) {
	if r.left--; r.left == 0 {
		r.end()
	}
	return r.ReaderAt.ReadAt(p, at)
}

func TestTheEndOfTheContextEndsIt(t *testing.T) {
	data := []byte("ID Number,Ward\n" + strings.Repeat("8001015009087,79800001\n", 200_000))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	r := &endingReader{bytes.NewReader(data), end, 100}
	if _, err := File(ctx, r, int64(len(data)), Settings{Now: now}); !errors.Is(err, context.Canceled) || r.left < -2 {
		t.Errorf("%v, read %d times more", err, -r.left)
	}
}

func TestValuesHideIDNumbers(t *testing.T) {
	for _, c := range []struct {
		cell workbook.Cell
		id   bool
		want string
	}{
		{workbook.Cell{Text: "8001015009087"}, true, "800101*****87"},
		{workbook.Cell{Text: "8001015009087"}, false, "800101*****87"},
		{workbook.Cell{Text: "8001015009086"}, false, "800101*****86"},
		{workbook.Cell{Text: "800101 5009 08 7"}, false, "800101*****87"},
		{workbook.Cell{Text: "8\u200b001015009087"}, false, "800101*****87"},
		{workbook.Cell{Text: "８００１０１５００９０８７"}, false, "800101*****87"},
		{workbook.Cell{Text: "٨٠٠١٠١٥٠٠٩٠٨٧"}, false, "800101*****87"},
		{workbook.Cell{Text: "9999995009087"}, false, "999999*****87"},
		{workbook.Cell{Text: "id 8001015009087, of old"}, false, "id 800101*****87, of old"},
		{workbook.Cell{Text: "8001015009087.0"}, true, "800101******7.0"},
		{workbook.Cell{Text: "800101500908"}, true, "800101****08"},
		{workbook.Cell{Text: "8.00101500908E+12"}, true, "8.00101******E+12"},
		{workbook.Cell{Text: "101015009080", Kind: workbook.Number}, false, "101015009080"},
		{workbook.Cell{Text: "0821234567"}, false, "0821234567"},
		{workbook.Cell{Text: "Zoë\u00a0Nel"}, false, "Zoë\u00a0Nel"},
		{workbook.Cell{Text: strings.Repeat("é", 100)}, false, strings.Repeat("é", 59) + "…"},
	} {
		if got := maskCell(c.cell, c.id); got != c.want {
			t.Errorf("%q: %q, want %q", c.cell.Text, got, c.want)
		}
	}
}

func TestWriteRowsGivesWhatWasRead(t *testing.T) {
	book := xlsx.NewFile()
	for _, name := range []string{"Notes", "Roll"} {
		sheet, err := book.AddSheet(name)
		if err != nil {
			t.Fatal(err)
		}
		sheet.AddRow().AddCell().SetString("of " + name)
		if name == "Notes" {
			continue
		}
		row := sheet.AddRow()
		row.AddCell().SetString("ID Number")
		row.AddCell().SetString("Joined")
		sheet.AddRow().AddCell().SetString("")
		row = sheet.AddRow()
		row.AddCell().SetInt64(8001015009087)
		row.AddCell().SetDate(time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC))
		row.AddCell().SetString("<a&b>")
		row.AddCell().SetString("")
	}
	var buf bytes.Buffer
	if err := book.Write(&buf); err != nil {
		t.Fatal(err)
	}
	roll := `{"sheet":"Roll","row":1,"cells":["of Roll"]}
{"sheet":"Roll","row":2,"cells":["ID Number","Joined"]}
{"sheet":"Roll","row":4,"cells":["8001015009087","2024-05-06","<a&b>"]}
`
	notes := `{"sheet":"Notes","row":1,"cells":["of Notes"]}` + "\n"
	for all, want := range map[bool]string{false: roll, true: notes + roll} {
		var out bytes.Buffer
		err := WriteRows(t.Context(), &out, bytes.NewReader(buf.Bytes()), int64(buf.Len()), workbook.Budget{}, all)
		if err != nil || out.String() != want {
			t.Errorf("%v\n%swant\n%s", err, out.String(), want)
		}
	}
}

// What was read before a fault is there for whoever looks for it.
func TestWriteRowsWritesTheRowsAboveAFault(t *testing.T) {
	data := []byte("ID Number,Ward\n8001015009087,79800001\n" + strings.Repeat("x", 2<<20) + "\n")
	var out bytes.Buffer
	err := WriteRows(t.Context(), &out, bytes.NewReader(data), int64(len(data)), workbook.Budget{}, true)
	if _, ok := errors.AsType[*refusal.Error](err); !ok || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%v\n%s", err, out.String())
	}
	var row Row
	if err := json.Unmarshal([]byte(strings.SplitN(out.String(), "\n", 3)[1]), &row); err != nil || row.Row != 2 ||
		row.Cells[0] != "8001015009087" {
		t.Errorf("%+v, %v", row, err)
	}
}

// A file without a header says so, and counts its first row.
func TestAFileWithoutAHeaderIsToldOfAsSuch(t *testing.T) {
	data := []byte("8001015009087,Nkosi,x,31/12/2020\n9001010001088,Nel,y,01/02/2024\n8001015009086,Botha,,\n")
	m, err := mappings.Parse(`{"A": "id_number", "B": "surname", "D": "date_joined"}`)
	if err != nil {
		t.Fatal(err)
	}
	r, err := File(t.Context(), bytes.NewReader(data), int64(len(data)), Settings{Name: "a.csv", Mapping: m, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	want := `A "" id_number mapping 3 ["800101*****87" "900101*****88" "800101*****86"]
B "" surname mapping 3 ["Nkosi" "Nel" "Botha"]
C "" - unknown 2 ["x" "y"]
D "" date_joined mapping 2 ["31/12/2020" "01/02/2024"]
`
	if got := show(r); got != want {
		t.Errorf("%s", got)
	}
	if r.HeaderRow != 0 || r.Counts.TotalRecords != 3 || r.Counts.ValidIDs != 2 || r.Counts.InvalidIDs != 1 ||
		len(r.FileWarnings) != 1 || r.FileWarnings[0].Code != "no_header" || !strings.Contains(r.Why, "has no header") {
		t.Errorf("%+v", r)
	}
}
