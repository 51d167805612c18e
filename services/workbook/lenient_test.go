package workbook

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/xls/xlstest"
)

// What other programs write and spreadsheet programs open is read.
func TestReadsWhatSpreadsheetProgramsOpen(t *testing.T) {
	for name, test := range map[string]struct{ rows, want string }{
		"shared string without an element": {
			`<row r="1"><c r="A1" t="s"/><c r="B1" t="s"><v>0</v></c></row>`, "B1=ID Number"},
		"shared string without a value": {
			`<row r="1"><c r="A1" t="s"><v></v></c><c r="B1" t="s"><v>0</v></c></row>`, "B1=ID Number"},
		"shared string of white space": {`<row r="1"><c r="A1" t="s"><v> </v></c><c r="B1"><v>2</v></c></row>`, "B1=2"},
		"lower-case references":        {`<row r="1"><c r="a1"><v>1</v></c><c r="b1"><v>2</v></c></row>`, "A1=1 B1=2"},
		"empty attributes":             {`<row r="1"><c r="A1" s="" t=""><v>1</v></c></row>`, "A1=1"},
		"style of a word":              {`<row r="1"><c r="A1" s="x"><v>1</v></c></row>`, "A1=1"},
		"kinds in capitals": {
			`<row r="1"><c r="A1" t="N"><v>46</v></c><c r="B1" t="S"><v>1</v></c></row>`, "A1=46 B1=x"},
		"a row element for each cell": {`<row r="1"><c r="A1"><v>1</v></c></row><row r="1"><c r="B1"><v>2</v></c></row>` +
			`<row r="2"><c r="A2"><v>3</v></c></row><row r="2"><c r="B2"><v>4</v></c></row>`, "A1=1 B1=2 A2=3 B2=4"},
		"a row element for each cell, from the right": {
			`<row r="1"><c r="B1"><v>2</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>`, "A1=1 B1=2"},
		"the same row again": {`<row r="1"><c r="A1"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>`, "A1=1"},
		"cells out of order": {
			`<row r="1"><c r="C1"><v>3</v></c><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row>`, "A1=1 B1=2 C1=3"},
		"a cell without reference behind one out of order": {
			`<row r="1"><c r="D1"><v>4</v></c><c r="A1"><v>1</v></c><c><v>2</v></c></row>`, "A1=1 B1=2 D1=4"},
		"a cell twice, once blank": {`<row r="1"><c r="A1"><v>1</v></c><c r="A1" s="1"/></row>`, "A1=1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readCells(t, minimalParts(test.rows))
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// What cannot be read of a cell is marked in it, and the other cells are read.
func TestMarksCellsThatCannotBeRead(t *testing.T) {
	for name, cell := range map[string]string{
		"shared string out of range": `<c r="A1" t="s"><v>2</v></c>`,
		"shared string below zero":   `<c r="A1" t="s"><v>-1</v></c>`,
		"shared string of a word":    `<c r="A1" t="s"><v>x</v></c>`,
		"unknown kind":               `<c r="A1" t="new"><v>1</v></c>`,
		"boolean of another kind":    `<c r="A1" t="b"><v>2</v></c>`,
	} {
		t.Run(name, func(t *testing.T) {
			for row, err := range openRows(t, `<row r="1">`+cell+`<c r="B1" t="s"><v>1</v></c></row>`) {
				if err != nil {
					t.Fatal(err)
				}
				if a := row.Cells[0]; !a.Lost || a.Text != "" || a.Blank() || row.Cells[1].Text != "x" {
					t.Errorf("%+v", row.Cells)
				}
			}
		})
	}
	for row, err := range openRows(t, `<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>`) {
		if err != nil || !row.Cells[0].Twice || row.Cells[0].Text != "2" {
			t.Errorf("%+v, %v", row.Cells, err)
		}
	}
}

// Programs that do not calculate write formulas without results. A result that is an
// empty text is one.
func TestFormulasWithoutAResultAreNotBlank(t *testing.T) {
	for cell, want := range map[string]bool{
		`<c r="A1"><f>B1+1</f></c>`:                          true,
		`<c r="A1"><f>B1+1</f><v></v></c>`:                   true,
		`<c r="A1"><f>B1+1</f><v/></c>`:                      true,
		`<c r="A1"><f>B1+1</f><v> </v></c>`:                  true,
		`<c r="A1"><v/><f t="shared" si="0"/></c>`:           true,
		`<c r="A1" t="str"><f>B1&amp;""</f></c>`:             true,
		`<c r="A1" t="b"><f>B1=1</f><v/></c>`:                true,
		`<c r="A1" t="s"><f>B1</f><v></v></c>`:               true,
		`<c r="A1" t="str"><f>B1&amp;""</f><v></v></c>`:      false,
		`<c r="A1" t="str"><f>B1&amp;"x"</f><v>x</v></c>`:    false,
		`<c r="A1"><f>B1</f><v>0</v></c>`:                    false,
		`<c r="A1" t="e"><f>NA()</f><v>#N/A</v></c>`:         false,
		`<c r="A1"><v></v></c>`:                              false,
		`<c r="A1" t="inlineStr"><f>B1</f><is><t/></is></c>`: false,
	} {
		for row, err := range openRows(t, `<row r="1">`+cell+`<c r="B1" t="s"><v>1</v></c></row>`) {
			if err != nil {
				t.Fatal(err)
			}
			if a := row.Cells[0]; a.NoResult != want || want && (a.Blank() || a.Text != "" || !a.Formula) {
				t.Errorf("%s: %+v", cell, a)
			}
		}
	}
}

func openRows(t *testing.T, rows string) func(func(Row, error) bool) {
	t.Helper()
	data := zipParts(t, minimalParts(rows))
	file, err := Open(context.Background(), bytes.NewReader(data), int64(len(data)), Budget{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file.Sheets[0].Rows()
}

func encode16(text string, order binary.AppendByteOrder, mark bool) string {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xFEFF)
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestReadsPartsInOtherEncodings(t *testing.T) {
	declare := func(encoding string) string { return `<?xml version="1.0" encoding=` + encoding + `?>` }
	for name, encode := range map[string]func(part string) string{
		"UTF-16 little endian with mark": func(p string) string { return encode16(p, binary.LittleEndian, true) },
		"UTF-16 big endian with mark":    func(p string) string { return encode16(p, binary.BigEndian, true) },
		"UTF-16 little endian":           func(p string) string { return encode16(p, binary.LittleEndian, false) },
		"UTF-16 big endian declared": func(p string) string {
			return encode16(declare(`"UTF-16"`)+p, binary.BigEndian, true)
		},
		"UTF-8 declared as UTF-16": func(p string) string { return declare(`"utf-16"`) + p },
		"ISO-8859-1": func(p string) string {
			return declare(`"ISO-8859-1"`) + strings.ReplaceAll(p, "ë", "\xEB")
		},
		"Windows-1252": func(p string) string {
			return declare(`'windows-1252'`) + strings.ReplaceAll(p, "ë", "\xEB")
		},
	} {
		t.Run(name, func(t *testing.T) {
			long := strings.Repeat("ë", 20_000) // longer than what is read at once
			p := minimalParts(`<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>` + long +
				`</t></is></c></row>`)
			p["xl/sharedStrings.xml"] = `<sst><si><t>Zoë</t></si></sst>`
			for part, content := range p {
				p[part] = encode(content)
			}
			if got, err := readCells(t, p); err != nil || got != "A1=Zoë B1="+long {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	for name, head := range map[string]string{
		"UTF-32": "\xFF\xFE\x00\x00", "EBCDIC": declare(`"IBM037"`), "entities in UTF-16": "",
	} {
		p := minimalParts("")
		p[sheet1] = head + p[sheet1]
		if head == "" {
			p[sheet1] = encode16(`<!DOCTYPE x [<!ENTITY a "b">]>`+p[sheet1], binary.LittleEndian, true)
		}
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(zipParts(t, p))
			wantCode(t, err, refusal.CodeUnreadable)
		})
	}
}

func TestBytesBeforeAndBehindTheArchiveDoNotMatter(t *testing.T) {
	data := buildBook(t, []string{"ID Number"}, []string{"x"})
	for name, around := range map[string][2]string{
		"before": {"Content-Type: application/octet-stream\r\n\r\n", ""}, "line before": {"\n", ""},
		"behind": {"", "<!-- 0.2 s -->"}, "both": {"Warning: x\n", "\n"},
	} {
		file, err := openBytes([]byte(around[0] + string(data) + around[1]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = file.Close()
	}
}

// A sheet without its rows does not keep the others from being read.
func TestASheetWithoutItsPartIsNamed(t *testing.T) {
	for name, sheet := range map[string]string{
		"empty id":   `<sheet name="Lost" sheetId="2" r:id=""/>`,
		"no id":      `<sheet name="Lost" sheetId="2"/>`,
		"unknown id": `<sheet name="Lost" sheetId="2" r:id="rId9"/>`,
	} {
		t.Run(name, func(t *testing.T) {
			p := minimalParts(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`)
			p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<sheets>", "<sheets>"+sheet, 1)
			data := zipParts(t, p)
			file, err := openBytes(data)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if len(file.Sheets) != 1 || file.Sheets[0].Name != "Roll" {
				t.Fatalf("%+v", file.Sheets)
			}
			wantWarnings(t, file.Warnings(file.Sheets[0]), "sheet_without_rows", `"Lost"`)
		})
	}
}

func wantWarnings(t *testing.T, got []events.FileWarning, code, words string) {
	t.Helper()
	if len(got) != 1 || got[0].Code != code || !strings.Contains(got[0].Message, words) {
		t.Errorf("%+v, want %s with %q", got, code, words)
	}
}

func TestTellsWhatIsHidden(t *testing.T) {
	rows := `<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2" hidden="1"><c r="A2"><v>1</v></c></row>` +
		`<row r="3" hidden="true"><c r="A3"><v>2</v></c></row><row r="4" hidden="1"/>`
	tell := func(change func(p map[string]string)) []events.FileWarning {
		p := minimalParts(rows)
		change(p)
		file, err := openBytes(zipParts(t, p))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		return file.Warnings(file.Sheets[len(file.Sheets)-1])
	}
	wantWarnings(t, tell(func(map[string]string) {}), "hidden_rows", "2 rows are hidden")
	wantWarnings(t, tell(func(p map[string]string) {
		p[sheet1] = strings.Replace(p[sheet1], "</sheetData>", `</sheetData><autoFilter ref="A1:A4"><filterColumn colId="0">`+
			`<filters><filter val="1"/></filters></filterColumn></autoFilter>`, 1)
	}), "filtered_rows", "2 rows are hidden")
	wantWarnings(t, tell(func(p map[string]string) {
		p[sheet1] = minimalParts("")[sheet1]
		p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], ` r:id="rId1"`, ` r:id="rId1" state="hidden"`, 1)
	}), "hidden_sheet_read", `"Roll"`)
	wantWarnings(t, tell(func(p map[string]string) {
		p[sheet1] = minimalParts("")[sheet1]
		p["other.xml"] = p[sheet1]
		p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<sheets>",
			`<sheets><sheet name="8001015009087" r:id="o" state="veryHidden"/>`, 1)
		p["xl/_rels/workbook.xml.rels"] = strings.Replace(p["xl/_rels/workbook.xml.rels"], "</Relationships>",
			`<Relationship Id="o" Type="x/worksheet" Target="/other.xml"/></Relationships>`, 1)
	}), "hidden_sheets", `"#############"`)
	if got := tell(func(p map[string]string) { p[sheet1] = minimalParts("")[sheet1] }); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestFilesUnderAnotherNameAreNamed(t *testing.T) {
	const noZip = refusal.CodeNotAZip
	const xml2003 = `<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>` +
		`<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet/></Workbook>`
	for name, test := range map[string]struct{ data, code, words string }{
		"HTML":                      {"\r\n <HTML><table><tr><td>ID Number</td></tr></table></HTML>", noZip, "web page"},
		"a table alone":             {"<table><tr><td>ID Number</td></tr></table>", noZip, "web page"},
		"HTML with mark":            {"\xEF\xBB\xBF<!DOCTYPE html><p>", noZip, "web page"},
		"HTML in UTF-16":            {encode16("<html><table></table>", binary.LittleEndian, true), noZip, "web page"},
		"MHTML":                     {"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n", noZip, "web page"},
		"XML Spreadsheet":           {xml2003, noZip, "XML Spreadsheet 2003"},
		"XML Spreadsheet in UTF-16": {encode16(xml2003, binary.BigEndian, true), noZip, "XML Spreadsheet 2003"},
		"encrypted": {string(xlstest.Container(xlstest.Stream{Name: "EncryptedPackage", Data: make([]byte, 9000)})),
			refusal.CodeEncrypted, "has a password"},
		"an encrypted .xls": {string(xlstest.Book{Globals: xlstest.Record(0x2F, 1, 1, 1),
			Sheets: []xlstest.Sheet{{Name: "Roll"}}}.Bytes()), refusal.CodeEncrypted, "opens it without asking"},
		"a Word document": {string(xlstest.Container(xlstest.Stream{Name: "WordDocument", Data: make([]byte, 9000)})),
			refusal.CodeNotAWorkbook, "Word"},
		"a workspace of Excel 4": {string(xlstest.Record(0x0409, 4, 0x100, 0)) + string(xlstest.Record(0x0A)),
			refusal.CodeXLS, "Excel 4"},
		"half a container": {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 500), refusal.CodeUnreadable,
			"cannot be read"},
		"binary workbook": {string(zipParts(t, map[string]string{"[Content_Types].xml": "<Types/>", "xl/workbook.bin": "x"})),
			refusal.CodeNotAWorkbook, ".xlsb"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes([]byte(test.data))
			wantCode(t, err, test.code)
			if !strings.Contains(err.(*refusal.Error).Message, test.words) {
				t.Errorf("%v", err)
			}
		})
	}
}
