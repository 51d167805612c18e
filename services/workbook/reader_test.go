package workbook

import (
	"fmt"
	"strings"
	"testing"

	"rollcall.example/events/refusal"
)

// readCells returns the cells of the only sheet of a workbook as A1=text, without
// empty ones.
func readCells(t *testing.T, p map[string]string) (string, error) {
	t.Helper()
	file, err := openBytes(zipParts(t, p))
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = file.Close() })
	var got []string
	for row, err := range file.Sheets[0].Rows() {
		if err != nil {
			return "", err
		}
		for i, cell := range row.Cells {
			if cell.Text != "" {
				got = append(got, fmt.Sprintf("%c%d=%s", 'A'+i, row.N, cell.Text))
			}
		}
	}
	return strings.Join(got, " "), nil
}

func TestReadsWhatTheFormatAllows(t *testing.T) {
	inline := func(content string) string {
		return `<row r="1"><c r="A1" t="inlineStr"><is>` + content + `</is></c></row>`
	}
	for name, test := range map[string]struct {
		rows, sst, want string
	}{
		"no references": {rows: `<row><c><v>1</v></c><c t="s"><v>1</v></c></row><row><c><v>2</v></c></row>`,
			want: "A1=1 B1=x A2=2"},
		"some references": {rows: `<row r="3"><c r="B3"><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>`,
			want: "B3=1 C3=2 A4=3"},
		"cells that close at once": {
			rows: `<row r="1"><c/><c r="C1"/><c><v>1</v></c></row><row/><row><c><v>2</v></c></row>`, want: "D1=1 A3=2"},
		"any prefix": {rows: `<x:row r="1"><x:c r="A1" x:t="s"><x:v>0</x:v></x:c></x:row>`, want: "A1=ID Number"},
		"entities":   {rows: inline(`<t>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;&#x1F389;</t>`), want: `A1=<&>"'AB🎉`},
		"CDATA":      {rows: inline(`<t>a<![CDATA[<b>&amp;]]>c</t>`), want: "A1=a<b>&amp;c"},
		"comments": {
			rows: `<!-- <row r="9"> --><row r="1"><c r="A1"><!-- - -- x --><v>1<!-- 2 -->3</v></c></row><?pi <c> ?>`,
			want: "A1=13"},
		"escapes": {rows: inline(`<t>_x0041_ _x005F_x0041_ _x00zz_ _x000a_.</t>`), want: "A1=A _x0041_ _x00zz_ \n."},
		"runs and phonetics": {
			rows: inline(
				`<r><rPr><b/></rPr><t>one </t></r><rPh sb="0" eb="1"><t>NO</t></rPh>` +
					`<r><t>two</t></r><phoneticPr fontId="1"/>`), want: "A1=one two"},
		"shared runs": {sst: `<si><r><t>a</t></r><rPh><t>NO</t></rPh><r><t xml:space="preserve"> b</t></r></si>`,
			rows: `<row r="1"><c r="A1" t="s"><v>0</v></c></row>`, want: "A1=a b"},
		"empty shared string": {sst: `<si/><si><t/></si><si><t>x</t></si>`,
			rows: `<row r="1"><c r="A1" t="s"><v>1</v></c><c r="B1" t="s"><v>2</v></c></row>`, want: "B1=x"},
		"line ends":   {rows: inline("<t>a\r\nb\rc\nd&#13;e</t>"), want: "A1=a\nb\nc\nd\re"},
		"spaces kept": {rows: inline(`<t xml:space="preserve"> a </t>`), want: "A1= a "},
		"formula result": {
			rows: `<row r="1"><c r="A1" t="str"><f>B1</f><v>08</v></c>` +
				`<c r="B1"><f t="shared" si="0">1+1</f><v>2</v></c></row>`, want: "A1=08 B1=2"},
		"quoted greater than":    {rows: `<row r="1" x=">" y='">'><c r="A1" z='a>b"'><v>1</v></c></row>`, want: "A1=1"},
		"reference as an entity": {rows: `<row r="&#49;"><c r="A1"><v>1</v></c></row>`, want: "A1=1"},
		"unknown elements": {
			rows: `<row r="1"><extLst><c><v>9</v></c></extLst><c r="A1"><new><v>9</v></new><v>1</v></c></row>` +
				`<other><row><c><v>9</v></c></row></other>`, want: "A1=1"},
		"the last cell": {rows: `<row r="1048576"><c r="A1048576"><v>1</v></c></row>`, want: "A1048576=1"},
		"ISO dates": {
			rows: `<row r="1"><c r="A1" t="d"><v>2024-02-29</v></c>` +
				`<c r="B1" t="d"><v>2024-02-29T13:30:00Z</v></c></row>`,
			want: "A1=2024-02-29 B1=2024-02-29 13:30:00"},
	} {
		t.Run(name, func(t *testing.T) {
			p := minimalParts(test.rows)
			if test.sst != "" {
				p["xl/sharedStrings.xml"] = `<sst>` + test.sst + `</sst>`
			}
			got, err := readCells(t, p)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestRefusesMalformedSheets(t *testing.T) {
	one := `<row r="1"><c r="A1"><v>1</v></c></row>`
	for name, change := range map[string]func(p map[string]string){
		"document type":     func(p map[string]string) { prependToSheet(p, `<!DOCTYPE x [<!ENTITY a "b">]>`) },
		"entity of its own": func(p map[string]string) { setCell(p, `<c r="A1" t="str"><v>&a;</v></c>`) },
		"not nested":        func(p map[string]string) { setCell(p, `<c r="A1"><v>1</c></v>`) },
		"cut off":           func(p map[string]string) { p[sheet1] = p[sheet1][:len(p[sheet1])-5] },
		"cut off after the rows": func(p map[string]string) {
			p[sheet1] = strings.TrimSuffix(p[sheet1], "</worksheet>")
		},
		"two documents":         func(p map[string]string) { p[sheet1] += "x" },
		"cell of another row":   func(p map[string]string) { setCell(p, `<c r="A2"><v>1</v></c>`) },
		"column out of range":   func(p map[string]string) { setCell(p, `<c r="XFE1"><v>1</v></c>`) },
		"one column too many":   func(p map[string]string) { setCell(p, `<c r="XFD1"><v>1</v></c><c><v>2</v></c>`) },
		"column of a long name": func(p map[string]string) { setCell(p, `<c r="ZZZZZZZZ1"><v>1</v></c>`) },
		"row twice": func(p map[string]string) {
			p[sheet1] = minimalParts(one + strings.Replace(one, ">1<", ">2<", 1))[sheet1]
		},
		"rows out of order": func(p map[string]string) { p[sheet1] = minimalParts(`<row r="2"/>` + one)[sheet1] },
		"row out of range":  func(p map[string]string) { p[sheet1] = minimalParts(`<row r="1048577"/>`)[sheet1] },
		"one row too many": func(p map[string]string) {
			p[sheet1] = minimalParts(`<row r="1048576"/><row/>`)[sheet1]
		},
		"row zero": func(p map[string]string) { p[sheet1] = minimalParts(`<row r="0"/>`)[sheet1] },
		"two lists of rows": func(p map[string]string) {
			p[sheet1] = strings.Replace(p[sheet1], "<sheetData>", "<sheetData/><sheetData>", 1)
		},
		"no list of rows":          func(p map[string]string) { p[sheet1] = "<worksheet/>" },
		"control character":        func(p map[string]string) { setCell(p, "<c r=\"A1\" t=\"str\"><v>a\x01b</v></c>") },
		"reference to a control":   func(p map[string]string) { setCell(p, `<c r="A1" t="str"><v>&#1;</v></c>`) },
		"no UTF-8":                 func(p map[string]string) { setCell(p, "<c r=\"A1\" t=\"str\"><v>\xff</v></c>") },
		"attribute without quotes": func(p map[string]string) { setCell(p, `<c r=A1><v>1</v></c>`) },
		"nested without end": func(p map[string]string) {
			setCell(p, strings.Repeat("<a>", 1000)+strings.Repeat("</a>", 1000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := minimalParts(one)
			change(p)
			_, err := openBytes(zipParts(t, p))
			wantCode(t, err, refusal.CodeUnreadable)
		})
	}
}

const sheet1 = "xl/worksheets/sheet1.xml"

func prependToSheet(p map[string]string, what string) { p[sheet1] = what + p[sheet1] }

// Wide rows take no space in the file, but reading them takes time.
func TestRefusesASheetOfBlankPlaces(t *testing.T) {
	var rows strings.Builder
	for n := 1; n <= 200_000_000/maxColumns+1; n++ {
		fmt.Fprintf(&rows, `<row r="%d"><c r="XFD%d"/></row>`, n, n)
	}
	_, err := openBytes(zipParts(t, minimalParts(rows.String())))
	wantCode(t, err, refusal.CodeTooLarge)
}

// The relations decide the names and places of parts, whatever they are.
func TestPartsAreFoundByTheirRelations(t *testing.T) {
	const rel = "http://purl.oclc.org/ooxml/officeDocument/relationships" // of strict workbooks
	p := map[string]string{
		"[Content_Types].xml": `<Types/>`,
		"_rels/.rels": `<Relationships><Relationship Id="a" Type="` + rel +
			`/officeDocument" Target="/Book/Main.xml"/></Relationships>`,
		`book\main.xml`: "\xEF\xBB\xBF" +
			`<?xml version="1.0"?><w:workbook xmlns:w="http://purl.oclc.org/ooxml/spreadsheetml/main" xmlns:q="` + rel +
			`"><w:sheets>` +
			`<w:sheet name="Chart" sheetId="1" q:id="c"/>` +
			`<w:sheet name="A &amp; B" sheetId="2" state="veryHidden" q:id="s"/></w:sheets></w:workbook>`,
		"Book/_rels/Main.xml.rels": `<Relationships><Relationship Id="c" Type="` + rel +
			`/chartsheet" Target="chart.xml"/>` +
			`<Relationship Id="s" Type="` + rel + `/worksheet" Target="../data/rows.bin"/><Relationship Id="t" Type="` +
			rel + `/sharedStrings" Target="words.xml"/></Relationships>`,
		"data/rows.bin": `<w:worksheet xmlns:w="x"><w:sheetData><w:row><w:c t="s"><w:v>0</w:v></w:c></w:row>` +
			`</w:sheetData></w:worksheet>`,
		"Book/words.xml": `<w:sst xmlns:w="x"><w:si><w:t>found</w:t></w:si></w:sst>`,
	}
	got, err := readCells(t, p)
	if err != nil || got != "A1=found" {
		t.Fatalf("got %q, %v", got, err)
	}
	file, err := openBytes(zipParts(t, p))
	if err != nil || len(file.Sheets) != 1 || file.Sheets[0].Name != "A & B" || !file.Sheets[0].Hidden {
		t.Errorf("%+v, %v", file, err)
	}
	p["_rels/.rels"] = strings.Replace(p["_rels/.rels"], "/Book/Main.xml", "data/rows.bin", 1)
	_, err = openBytes(zipParts(t, p))
	wantCode(t, err, refusal.CodeNotAWorkbook)
}

func TestSharedStringsBeyondTheLimitAreReadFromDisk(t *testing.T) {
	var sst, rows strings.Builder
	const n = 5000
	for i := range n {
		fmt.Fprintf(&sst, "<si><t>text %d %s</t></si>", i, strings.Repeat("ü", i%50))
		// Once forward and once backward, so that every order occurs.
		fmt.Fprintf(&rows, `<row><c t="s"><v>%d</v></c><c t="s"><v>%d</v></c></row>`, i, n-1-i)
	}
	p := minimalParts(rows.String())
	p["xl/sharedStrings.xml"] = `<sst>` + sst.String() + `</sst>`
	file, err := openBytes(zipParts(t, p))
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	file, err = openWithMemory(zipParts(t, p), 2000)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := func(i int) string { return fmt.Sprintf("text %d %s", i, strings.Repeat("ü", i%50)) }
	rowsSeen := 0
	for row, err := range file.Sheets[0].Rows() {
		if err != nil {
			t.Fatal(err)
		}
		i := row.N - 1
		if row.Cells[0].Text != want(i) || row.Cells[1].Text != want(n-1-i) {
			t.Fatalf("row %d reads %q, %q", row.N, row.Cells[0].Text, row.Cells[1].Text)
		}
		rowsSeen++
	}
	if rowsSeen != n || file.strings.spill == nil || file.strings.kept > 100 {
		t.Errorf("%d rows, %d texts in memory", rowsSeen, file.strings.kept)
	}
}

// The cells of a row stay those of that row until the next one.
func TestRowsCanStopEarlyAndStartAgain(t *testing.T) {
	file, err := openBytes(readSample(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	members := file.Sheets[1]
	for range 3 {
		n := 0
		for row, err := range members.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if n++; row.N == 4 && row.Cells[0].Text != "ID Number" {
				t.Fatalf("row %d is %+v", row.N, row.Cells[0])
			}
			if n == 10 {
				break
			}
		}
	}
	if n := members.RowCount(); n != 508 {
		t.Errorf("%d rows", n)
	}
}
