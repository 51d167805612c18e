package workbook

import (
	"bytes"
	"strings"
	"testing"

	"rollcall.example/events/refusal"
)

func TestRowsKeepTheSheetsNumbers(t *testing.T) {
	file, err := openBytes(zipParts(t, minimalParts(`<row r="2"><c r="B2" t="s"><v>0</v></c></row>`+
		`<row r="3"></row><row r="7"><c r="A7"><v>5</v></c></row>`)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, err := range file.Sheets[0].Rows() {
		if err != nil {
			t.Fatal(err)
		}
		for i, cell := range row.Cells {
			if !cell.Blank() {
				got = append(got, string(rune('A'+i))+string(rune('0'+row.N))+"="+cell.Text)
			}
		}
	}
	if want := "B2=ID Number A7=5"; strings.Join(got, " ") != want {
		t.Errorf("cells %v, want %s", got, want)
	}
}

func TestRowsBeyondAWrongDimensionAreRead(t *testing.T) {
	p := minimalParts(`<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="C9"><v>9</v></c></row>`)
	p["xl/worksheets/sheet1.xml"] = strings.Replace(p["xl/worksheets/sheet1.xml"], "<sheetData>",
		`<dimension ref="A1:B2"/><sheetData>`, 1)
	file, err := openBytes(zipParts(t, p))
	if err != nil {
		t.Fatal(err)
	}
	last := Row{}
	for row, err := range file.Sheets[0].Rows() {
		if err != nil {
			t.Fatal(err)
		}
		last = row
	}
	if last.N != 9 || len(last.Cells) != 3 || last.Cells[2].Text != "9" {
		t.Errorf("last row %+v, want C9", last)
	}
}

func TestBrokenWorkbooksAreErrors(t *testing.T) {
	tests := map[string]func(p map[string]string){
		"no relations":     func(p map[string]string) { delete(p, "xl/_rels/workbook.xml.rels") },
		"no sheets":        func(p map[string]string) { delete(p, "xl/worksheets/sheet1.xml") },
		"workbook garbage": func(p map[string]string) { p["xl/workbook.xml"] = "\x00\x01<" },
		"sheet garbage":    func(p map[string]string) { p["xl/worksheets/sheet1.xml"] = "<worksheet><sheetData><row" },
		"sheet of text":    func(p map[string]string) { p["xl/worksheets/sheet1.xml"] = "hello" },
		"strings garbage": func(p map[string]string) {
			setCell(p, `<c r="A1" t="s"><v>0</v></c>`)
			p["xl/sharedStrings.xml"] = "<sst count='x'"
		},
		"strings of nothing": func(p map[string]string) {
			setCell(p, `<c r="A1" t="s"><v>0</v></c>`)
			p["xl/sharedStrings.xml"] = ""
		},
		"reference of letters": func(p map[string]string) { setCell(p, `<c r="A"><v>1</v></c>`) },
	}
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			p := minimalParts("")
			breakIt(p)
			_, err := openBytes(zipParts(t, p))
			wantCode(t, err, refusal.CodeUnreadable)
			if strings.Contains(err.Error(), "8001015009087") {
				t.Errorf("error quotes a cell: %v", err)
			}
		})
	}
}

func setCell(p map[string]string, c string) {
	p["xl/worksheets/sheet1.xml"] = minimalParts(`<row r="1">` + c + `</row>`)["xl/worksheets/sheet1.xml"]
}

func TestATruncatedWorkbookNeverPanics(t *testing.T) {
	data := readSample(t)
	for n := 0; n < len(data); n += 1 + len(data)/100 {
		if _, err := openBytes(data[:n]); err == nil {
			t.Errorf("%d of %d bytes opened", n, len(data))
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(buildBook(f, []string{"ID Number"}, []string{"8001015009087"}))
	f.Add(zipParts(f, minimalParts(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`)))
	f.Add([]byte("PK\x03\x04"))
	all := readColumns(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{Bytes: 1 << 20})
		if err != nil {
			return
		}
		defer func() { _ = file.Close() }() // a reader
		if sheet, header, err := file.Roll(all); err == nil && (sheet == nil || header.Row < 1) {
			t.Fatalf("header %+v without a place", header)
		}
	})
}
