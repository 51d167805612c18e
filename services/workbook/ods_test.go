package workbook

import (
	"fmt"
	"strings"
	"testing"

	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/ods/odstest"
)

func TestODSCells(t *testing.T) {
	cell := func(attrs, content string) string {
		return "<table:table-cell " + attrs + ">" + content + "</table:table-cell>"
	}
	for name, tt := range map[string]struct {
		cell string
		want Cell // but for Day
	}{
		"text":         {odstest.Cell("Thabo"), Cell{Text: "Thabo"}},
		"text untyped": {cell("", "<text:p>Thabo</text:p>"), Cell{Text: "Thabo"}},
		"a prefix more": {cell(`office:value-type="string" calcext:value-type="string"`, "<text:p>a</text:p>"),
			Cell{Text: "a"}},
		"no prefix":  {`<table-cell value-type="float" value="7"><p>7.00</p></table-cell>`, Cell{Text: "7", Kind: Number}},
		"references": {odstest.Cell("O&apos;Neill &amp; S&#246;ns"), Cell{Text: "O'Neill & Söns"}},
		"CDATA":      {odstest.Cell("<![CDATA[<a>]]>"), Cell{Text: "<a>"}},
		"an ID number of 13 digits that shows otherwise": {
			cell(`office:value-type="float" office:value="8001015009087"`, "<text:p>8.00E+12</text:p>"),
			Cell{Text: "8001015009087", Kind: Number}},
		"an ID number with an exponent": {cell(`office:value-type="float" office:value="8.001015009087E+12"`, ""),
			Cell{Text: "8001015009087", Kind: Number}},
		"an ID number without a value": {cell(`office:value-type="float"`, "<text:p>8001015009087</text:p>"),
			Cell{Text: "8001015009087"}},
		"a value without a type": {cell(`office:value="5"`, ""), Cell{Text: "5", Kind: Number}},
		"percentage": {cell(`office:value-type="percentage" office:value="0.125"`, "<text:p>12.5%</text:p>"),
			Cell{Text: "0.125", Kind: Number}},
		"currency": {cell(`office:value-type="currency" office:currency="ZAR" office:value="20.50"`,
			"<text:p>R 20.50</text:p>"), Cell{Text: "20.5", Kind: Number}},
		"date": {cell(`office:value-type="date" office:date-value="2026-08-29"`, "<text:p>29 Aug</text:p>"),
			Cell{Text: "2026-08-29", Kind: Date}},
		"date and time": {cell(`office:value-type="date" office:date-value="2026-08-29T10:30:00"`, ""),
			Cell{Text: "2026-08-29 10:30:00", Kind: Date}},
		"date just before midnight": {cell(`office:value-type="date" office:date-value="2026-08-28T23:59:59.999999999"`, ""),
			Cell{Text: "2026-08-29", Kind: Date}},
		"date with a zone": {cell(`office:value-type="date" office:date-value="2026-08-29T10:30:00+02:00"`, ""),
			Cell{Text: "2026-08-29 10:30:00", Kind: Date}},
		"date before 1900": {cell(`office:value-type="date" office:date-value="1850-08-29"`, ""), Cell{Text: "1850-08-29"}},
		"date and time before 1900": {cell(`office:value-type="date" office:date-value="1850-08-29T10:30:00"`, ""),
			Cell{Text: "1850-08-29 10:30:00"}},
		"the first of 1900": {cell(`office:value-type="date" office:date-value="1900-01-01"`, ""),
			Cell{Text: "1900-01-01", Kind: Date}},
		"a time that shows as a date": {cell(`office:value-type="date" office:date-value="1899-12-30T10:30:00"`, ""),
			Cell{Text: "10:30:00", Kind: Date}},
		"date of another form": {cell(`office:value-type="date" office:date-value="in a TREE"`, ""),
			Cell{Text: "in a TREE"}},
		"date with a number too": {cell(`office:value="46263" office:value-type="date" office:date-value="2026-08-29"`, ""),
			Cell{Text: "2026-08-29", Kind: Date}},
		"time": {cell(`office:value-type="time" office:time-value="PT10H30M05.2S"`, ""),
			Cell{Text: "10:30:05", Kind: Date}},
		"hours": {cell(`office:value-type="time" office:time-value="P1DT12H15M"`, ""), Cell{Text: "36:15:00"}},
		"true":  {cell(`office:value-type="boolean" office:boolean-value="true"`, "<text:p>Ja</text:p>"), Cell{Text: "TRUE"}},
		"false": {cell(`office:value-type="boolean" office:boolean-value="false"`, ""), Cell{Text: "FALSE"}},
		"a text that shows otherwise": {cell(`office:value-type="string" office:string-value="a &lt; b "`,
			"<text:p>shown</text:p>"), Cell{Text: "a < b "}},
		"an empty value with a text": {cell(`office:value-type="string" office:string-value=""`, "<text:p>shown</text:p>"),
			Cell{Text: "shown"}},
		"paragraphs": {cell(`office:value-type="string"`, "<text:p>1 Main Road</text:p><text:p/><text:p>Acacia</text:p>"),
			Cell{Text: "1 Main Road\n\nAcacia"}},
		"spaces, tabs, breaks": {odstest.Cell(`a<text:s text:c="3"/>b<text:s/>c<text:tab/>d<text:line-break/>e`),
			Cell{Text: "a   b c\td\ne"}},
		"spans and links": {odstest.Cell(`<text:span text:style-name="T1">Th<text:span>a</text:span></text:span>bo ` +
			`<text:a xlink:href="mailto:t@example.org">t@example.org</text:a>`), Cell{Text: "Thabo t@example.org"}},
		"how it is pronounced": {odstest.Cell("<text:ruby><text:ruby-base>base</text:ruby-base><text:ruby-text>said" +
			"</text:ruby-text>" +
			"</text:ruby>"), Cell{Text: "base"}},
		"a list": {cell("", "<text:list><text:list-item><text:p>a</text:p></text:list-item><text:list-item><text:p>b"+
			"</text:p>"+
			"</text:list-item></text:list>"), Cell{Text: "a\nb"}},
		"a note beside the text": {cell(`office:value-type="string"`, "<office:annotation><dc:creator>Zanele</dc:creator>"+
			"<text:p>a note</text:p></office:annotation><text:p>Thabo</text:p>"), Cell{Text: "Thabo"}},
		"a note inside the text": {odstest.Cell("Tha<office:annotation><text:p>a note</text:p></office:annotation>bo"),
			Cell{Text: "Thabo"}},
		"a drawing": {cell(`office:value-type="string"`, "<draw:frame><draw:text-box><text:p>drawn</text:p></draw:text-box>"+
			"</draw:frame><text:p>Thabo<draw:custom-shape><text:p>drawn</text:p></draw:custom-shape></text:p>"),
			Cell{Text: "Thabo"}},
		"a megabyte of a picture": {cell("", "<draw:frame><office:binary-data>"+strings.Repeat("AAAA", 1<<19)+
			"</office:binary-data></draw:frame><text:p>Thabo</text:p>"), Cell{Text: "Thabo"}},
		"a table in the cell": {cell("", odstest.Table("in", odstest.Row(odstest.Cell("inside")))), Cell{Lost: true}},
		"a table beside the text": {cell("", "<text:p>Thabo</text:p>"+odstest.Table("in",
			odstest.Row(odstest.Cell("inside")))),
			Cell{Text: "Thabo"}},
		"covered": {`<table:covered-table-cell office:value-type="string"><text:p>kept</text:p></table:covered-table-cell>`,
			Cell{Text: "kept"}},
		"formula": {cell(`table:formula="of:=[.A1]*2" office:value-type="float" office:value="12"`, "<text:p>12</text:p>"),
			Cell{Text: "12", Kind: Number, Formula: true}},
		"formula with a text": {cell(`table:formula="of:=[.A1]" office:value-type="string"`, "<text:p>Thabo</text:p>"),
			Cell{Text: "Thabo", Formula: true}},
		"formula that failed": {cell(`table:formula="of:=1/0" office:value-type="string" office:string-value="" `+
			`calcext:value-type="error"`, "<text:p>#DIV/0!</text:p>"), Cell{Text: "#DIV/0!", Kind: Failed, Formula: true}},
		"formula that failed in an older file": {cell(`table:formula="of:=x" office:value-type="float" office:value="0"`,
			"<text:p>Err:508</text:p>"), Cell{Text: "Err:508", Kind: Failed, Formula: true}},
		"a failure that was pasted": {cell(`office:value-type="float" office:value="0"`, "<text:p>#N/A</text:p>"),
			Cell{Text: "#N/A", Kind: Failed}},
		"zero": {cell(`office:value-type="float" office:value="0"`, "<text:p>-</text:p>"),
			Cell{Text: "0", Kind: Number}},
		"formula without a result": {cell(`table:formula="of:=1+1"`, ""), Cell{Formula: true, NoResult: true}},
		"formula without a number": {cell(`table:formula="of:=1+1" office:value-type="float"`, "<text:p/>"),
			Cell{Formula: true, NoResult: true}},
		"formula with an empty text": {cell(`table:formula="of:=&quot;&quot;" office:value-type="string" `+
			`office:string-value=""`, "<text:p/>"), Cell{Formula: true}},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := openBytes(zipParts(t, odstest.Parts("", odstest.Table("Roll", odstest.Row(tt.cell)))))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			rows := 0
			for row, err := range file.Sheets[0].Rows() {
				if err != nil || row.N != 1 || len(row.Cells) != 1 {
					t.Fatalf("%+v, %v", row, err)
				}
				got := row.Cells[0]
				if tt.want.Kind == Date && len(tt.want.Text) >= 10 && got.Day.Format("2006-01-02") != tt.want.Text[:10] {
					t.Errorf("day %v", got.Day)
				}
				tt.want.Day = got.Day
				if got != tt.want {
					t.Errorf("%+v, want %+v", got, tt.want)
				}
				rows++
			}
			if rows != 1 {
				t.Errorf("%d rows", rows)
			}
		})
	}
}

func TestODSRows(t *testing.T) {
	repeated := func(what string, n int, attrs, content string) string {
		return fmt.Sprintf(`<table:table-%s table:number-%ss-repeated="%d"%s>%s</table:table-%[1]s>`, what,
			map[string]string{"cell": "column", "row": "row"}[what], n, attrs, content)
	}
	blank := func(n int) string { return repeated("cell", n, "", "") }
	blankRows := func(n int) string { return repeated("row", n, "", blank(16384)) }
	for name, tt := range map[string]struct{ rows, want string }{
		"blank rows and cells": {blankRows(3) + odstest.Row(blank(2)+odstest.Cell("a")+blank(16381)) + blankRows(1048572),
			"C4=a"},
		"far more than a sheet has": {odstest.Row(odstest.Cell("a")+blank(2147483647)) +
			blankRows(2147483647) + blankRows(2147483647),
			"A1=a"},
		"no counts": {odstest.Row(`<table:table-cell table:number-columns-repeated="0"/>` +
			`<table:table-cell table:number-columns-repeated="-3"/><table:table-cell table:number-columns-repeated="x"/>` +
			odstest.Cell("a")), "D1=a"},
		"repeated cells": {odstest.Row(repeated("cell", 3, "", "<text:p>a</text:p>") + odstest.Cell("b")),
			"A1=a B1=a C1=a D1=b"},
		"repeated rows": {repeated("row", 2, "", odstest.Cell("a")) + odstest.Row(odstest.Cell("b")), "A1=a A2=a A3=b"},
		"header rows": {"<table:table-header-rows>" + odstest.Row(odstest.Cell("a")) +
			"</table:table-header-rows>" +
			"<table:table-rows>" +
			odstest.Row(odstest.Cell("b")) + "</table:table-rows>", "A1=a A2=b"},
		"groups": {"<table:table-row-group><table:table-header-rows>" + odstest.Row(odstest.Cell("a")) +
			"</table:table-header-rows>" +
			"<table:table-row-group>" + odstest.Row(odstest.Cell("b")) + "</table:table-row-group></table:table-row-group>" +
			odstest.Row(odstest.Cell("c")), "A1=a A2=b A3=c"},
		"what is between rows": {"<office:forms><text:p>x</text:p></office:forms><table:shapes>" + odstest.Table("x",
			odstest.Row(odstest.Cell("x"))) +
			"</table:shapes>" + odstest.Row(odstest.Cell("a")+"<x>y"+
			"</x>") + "<text:soft-page-break/>" + odstest.Row(odstest.Cell("b")), "A1=a A2=b"},
		"merged cells": {odstest.Row(`<table:table-cell table:number-columns-spanned="2" table:number-rows-spanned="2">`+
			`<text:p>a</text:p></table:table-cell><table:covered-table-cell/>`+odstest.Cell("c")) +
			odstest.Row(`<table:covered-table-cell table:number-columns-repeated="2"/>`+odstest.Cell("d")), "A1=a C1=c C2=d"},
		"nothing": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readCells(t, odstest.Parts("", odstest.Table("Roll", tt.rows)))
			if err != nil || got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for name, rows := range map[string]string{
		"rows beyond the sheet":  blankRows(1048576) + odstest.Row(odstest.Cell("a")),
		"repeated beyond it":     repeated("row", 1048577, "", odstest.Cell("a")),
		"cells beyond the sheet": odstest.Row(blank(16384) + odstest.Cell("a")),
		"repeated cells":         odstest.Row(repeated("cell", 16385, "", "<text:p>a</text:p>")),
		"an unfinished sheet":    "<table:table-row>",
		"a wrong reference":      odstest.Row(odstest.Cell("&x;")),
	} {
		_, err := readCells(t, odstest.Parts("", odstest.Table("Roll", rows)))
		t.Run(name, func(t *testing.T) { wantCode(t, err, refusal.CodeUnreadable) })
	}
	for name, rows := range map[string]string{
		"a bomb of cells":   repeated("row", 1048576, "", repeated("cell", 16384, "", "<text:p>a</text:p>")),
		"a bomb of text":    repeated("row", 1048576, "", odstest.Cell(strings.Repeat("a", 30_000))),
		"a bomb in a row":   odstest.Row(repeated("cell", 16384, "", "<text:p>"+strings.Repeat("a", 30_000)+"</text:p>")),
		"a long text":       odstest.Row(odstest.Cell(strings.Repeat("a", 1<<21))),
		"a long empty text": odstest.Row("<table:table-cell>" + strings.Repeat("<text:p/>", 1<<21) + "</table:table-cell>"),
		"many spaces":       odstest.Row(odstest.Cell(strings.Repeat(`<text:s text:c="999999999"/>`, 1000))),
	} {
		_, err := readCells(t, odstest.Parts("", odstest.Table("Roll", rows)))
		t.Run(name, func(t *testing.T) { wantCode(t, err, refusal.CodeTooLarge) })
	}
}

// A text that is too long for a cell is cut, as in other formats.
func TestODSCutsLongTexts(t *testing.T) {
	file, err := openBytes(zipParts(t, odstest.Parts("", odstest.Table("Roll",
		odstest.Row(odstest.Cell(strings.Repeat("ä", 40_000)))))))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for row, err := range file.Sheets[0].Rows() {
		if err != nil || !row.Cells[0].Cut || row.Cells[0].Text != strings.Repeat("ä", 32_767) {
			t.Errorf("%d bytes, cut %v, %v", len(row.Cells[0].Text), row.Cells[0].Cut, err)
		}
	}
}
