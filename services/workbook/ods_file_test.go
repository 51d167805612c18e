package workbook

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/ods/odstest"
	"rollcall.example/services/workbook/xls/xlstest"
)

// sheetTexts reads the sheets in this order and returns their texts.
func sheetTexts(t *testing.T, file *File, order ...int) map[int]string {
	t.Helper()
	got := map[int]string{}
	for _, i := range order {
		var texts []string
		for row, err := range file.Sheets[i].Rows() {
			if err != nil {
				t.Fatal(err)
			}
			for _, cell := range row.Cells {
				texts = append(texts, cell.Text)
			}
		}
		got[i] = strings.Join(texts, " ")
	}
	return got
}

func TestODSSheets(t *testing.T) {
	const styles = `<style:style style:name="co1" style:family="table-column"><style:table-column-properties/>` +
		`</style:style>` +
		`<style:style style:name="ta1" style:family="table"><style:table-properties table:display="true"/></style:style>` +
		`<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>`
	deleted := "<table:tracked-changes><table:deletion><table:cell-content-deletion>" + odstest.Table("Deleted",
		odstest.Row(odstest.Cell("x"))) +
		"</table:cell-content-deletion></table:deletion></table:tracked-changes>"
	data := zipParts(t, odstest.Parts(styles, deleted+
		`<table:table table:name="First" table:style-name="ta1">`+odstest.Row(odstest.Cell("a"))+
		odstest.Row(odstest.Cell("b"))+`</table:table>`+
		`<table:table table:name="Empty"/>`+
		odstest.Table("&apos;file:///home/zanele/other.ods&apos;#$Sheet1", odstest.Row(odstest.Cell("x")))+
		`<table:table table:name="Hidden &amp; away" table:style-name="ta2">`+odstest.Row(odstest.Cell("c"))+`</table:table>`+
		odstest.Table("Last", odstest.Row(odstest.Cell("d"))+
			`<table:table-row table:visibility="collapse">`+odstest.Cell("e")+`</table:table-row>`+
			`<table:table-row table:visibility="collapse" table:number-rows-repeated="9"><table:table-cell/></table:table-row>`+
			`<table:table-row-group table:display="false">`+odstest.Row(odstest.Cell("f"))+`</table:table-row-group>`+
			odstest.Row(odstest.Cell("g")))+
		"<table:dde-links>"+odstest.Table("Linked", odstest.Row(odstest.Cell("x")))+"</table:dde-links>"))
	file, err := openBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var names []string
	for _, s := range file.Sheets {
		names = append(names, fmt.Sprintf("%s %v %d", s.Name, s.Hidden, s.RowCount()))
	}
	if got := strings.Join(names, ", "); got != "First false 2, Empty false 0, Hidden & away true 1, Last false 13" {
		t.Errorf("%s", got)
	}
	want := map[int]string{0: "a b", 1: "", 2: "c", 3: "d e f g"}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 2, 3, 0, 0, 1, 3}} {
		got := sheetTexts(t, file, order...)
		for _, i := range order {
			if got[i] != want[i] {
				t.Errorf("in the order %v sheet %d reads %q, want %q", order, i, got[i], want[i])
			}
		}
	}
	// Two at a time, and one that is left in the middle.
	var both []string
	for first := range file.Sheets[0].Rows() {
		both = append(both, first.Cells[0].Text)
		both = append(both, sheetTexts(t, file, 3)[3])
		for last := range file.Sheets[3].Rows() {
			both = append(both, last.Cells[0].Text)
			break
		}
	}
	if got := strings.Join(both, ","); got != "a,d e f g,d,b,d e f g,d" {
		t.Errorf("%s", got)
	}
	sheetTexts(t, file, 3)
	warnings := fmt.Sprint(file.Warnings(file.Sheets[3]))
	for _, words := range []string{`hidden sheets ("Hidden & away")`, `In the sheet "Last" 2 rows are hidden`} {
		if !strings.Contains(warnings, words) {
			t.Errorf("%s, want %s", warnings, words)
		}
	}
}

func TestODSFilteredRowsAreToldAndRead(t *testing.T) {
	file, err := openBytes(zipParts(t, odstest.Parts("", odstest.Table("Roll", odstest.Row(odstest.Cell("a"))+
		`<table:table-row table:visibility="filter" table:number-rows-repeated="2">`+odstest.Cell("b")+
		`</table:table-row>`))))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := sheetTexts(t, file, 0)[0]; got != "a b b" {
		t.Errorf("%s", got)
	}
	if got := fmt.Sprint(file.Warnings(file.Sheets[0])); !strings.Contains(got, "has a filter, and 2 rows are hidden") {
		t.Errorf("%s", got)
	}
}

func TestODSRefusals(t *testing.T) {
	with := func(changes ...string) []byte {
		p := odstest.Parts("", odstest.Table("Roll", odstest.Row(odstest.Cell("ID Number"))))
		for i := 0; i < len(changes); i += 2 {
			if p[changes[i]] = changes[i+1]; changes[i+1] == "" {
				delete(p, changes[i])
			}
		}
		return zipParts(t, p)
	}
	kindOf := func(kind string) string {
		return odstest.Root("document-content") + "<office:body><office:" + kind + "><text:p>a</text:p></office:" + kind +
			"></office:body></office:document-content>"
	}
	flat := func(kind string) []byte {
		return []byte(strings.ReplaceAll(kindOf(kind), "document-content", "document"))
	}
	encrypted := `<manifest:manifest xmlns:manifest="m">` + strings.Repeat("<x/>", 20_000) + `<manifest:file-entry ` +
		`manifest:full-path="content.xml"><manifest:encryption-data manifest:checksum="x"/></manifest:file-entry>` +
		`</manifest:manifest>`
	for name, tt := range map[string]struct {
		data        []byte
		code, words string
	}{
		"a password": {with("META-INF/manifest.xml", encrypted, "content.xml", "\x8f\x01\x02"), refusal.CodeEncrypted,
			"has a password"},
		"a password of today": {with("encrypted-package", "\x8f\x01\x02", "content.xml", ""), refusal.CodeEncrypted,
			"has a password"},
		"a text document": {with("mimetype", "application/vnd.oasis.opendocument.text", "content.xml", kindOf("text")),
			refusal.CodeNotAWorkbook, "a text document"},
		"a template of presentations": {with("mimetype", "application/vnd.oasis.opendocument.presentation-template"),
			refusal.CodeNotAWorkbook, "a presentation"},
		"a text document that says it is a spreadsheet": {with("content.xml", kindOf("text")), refusal.CodeNotAWorkbook,
			"a text document"},
		"OpenOffice.org 1":     {with("mimetype", "application/vnd.sun.xml.calc"), refusal.CodeNotAWorkbook, ".sxc"},
		"a flat text document": {flat("text"), refusal.CodeNotAWorkbook, "a text document"},
		"no sheet":             {with("content.xml", odstest.Content("", "")), refusal.CodeUnreadable, ""},
		"another root":         {with("content.xml", "<x/>"), refusal.CodeUnreadable, ""},
		"no content":           {with("content.xml", "   "), refusal.CodeUnreadable, ""},
		"half a content": {with("content.xml", odstest.Content("", odstest.Table("a", odstest.Row(odstest.Cell("a"))))[:700]),
			refusal.CodeUnreadable, ""},
		"a document type": {with("content.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]>"+odstest.Content("", odstest.Table("a", ""))),
			refusal.CodeUnreadable, ""},
		"too many sheets": {with("content.xml", odstest.Content("", strings.Repeat("<table:table/>", 1001))),
			refusal.CodeTooLarge, ""},
		"long names": {with("content.xml", odstest.Content("", strings.Repeat(odstest.Table(strings.Repeat("n", 1<<19),
			""), 9))),
			refusal.CodeTooLarge, ""},
		"long styles": {with("content.xml", odstest.Content(strings.Repeat(`<style:style style:family="table" style:name="`+
			strings.Repeat("n", 1<<19)+`"><style:table-properties table:display="false"/></style:style>`, 9), "")),
			refusal.CodeTooLarge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(tt.data)
			wantCode(t, err, tt.code)
			if tt.words != "" && !strings.Contains(err.(*refusal.Error).Message, tt.words) {
				t.Errorf("%v", err)
			}
		})
	}
	for name, data := range map[string][]byte{
		"as it is": with(), "no type": with("mimetype", ""), "a template": with("mimetype",
			"application/vnd.oasis.opendocument.spreadsheet-template"),
		"no manifest": with("META-INF/manifest.xml", ""), "another type": with("mimetype", "x"),
		"flat": []byte("\xEF\xBB\xBF\r\n" + odstest.Flat("", odstest.Table("a",
			odstest.Row(odstest.Cell("ID Number"))))),
		"flat in UTF-16": []byte(encode16(odstest.Flat("", odstest.Table("a", odstest.Row(odstest.Cell("ID Number")))),
			binary.LittleEndian, true)),
		"UTF-16": with("content.xml", encode16(odstest.Content("", odstest.Table("a",
			odstest.Row(odstest.Cell("ID Number")))),
			binary.LittleEndian, true)),
	} {
		file, err := openBytes(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := sheetTexts(t, file, 0)[0]; got != "ID Number" {
			t.Errorf("%s: %q", name, got)
		}
		_ = file.Close()
	}
}

// One roll is the same roll in both formats.
func TestODSRollIsReadAsXLSX(t *testing.T) {
	rows := [][]string{{"Members of the branch"}, {}, {"ID Number", "Name", "Surname", "Colour", "Ward"},
		{"8001015009087", "Thabo", "Mokoena", "blue", "79700001"}, {}, {"7502285008083", "Nomsa", "Nkosi"}}
	columns := readColumns(t)
	read := func(data []byte) (Header, []Row) {
		t.Helper()
		before, err := Preflight(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{}, columns)
		if err != nil {
			t.Fatal(err)
		}
		file, err := Open(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{})
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		sheet, header, err := file.Roll(columns)
		if err != nil || !reflect.DeepEqual(header, before) {
			t.Fatalf("%+v, %+v, %v", header, before, err)
		}
		var got []Row
		for row, err := range sheet.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if !row.Blank() {
				row.Cells = append([]Cell(nil), row.Cells...)
				got = append(got, row)
			}
		}
		return header, got
	}
	header, got := read(odstest.Roll(rows...))
	wantHeader, want := read(buildBook(t, rows...))
	if !reflect.DeepEqual(header, wantHeader) || !reflect.DeepEqual(got, want) || len(got) != 4 {
		t.Errorf("%+v %+v\nwant %+v %+v", header, got, wantHeader, want)
	}
}

// A sheet may be read again and again, for its content was counted once.
func TestODSContentIsCountedOnce(t *testing.T) {
	data := zipParts(t, odstest.Parts("", odstest.Table("Roll",
		strings.Repeat(odstest.Row(odstest.Cell("8001015009087")), 1000))))
	file, err := Open(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{Bytes: 200_000})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range 5 {
		for _, err := range file.Sheets[0].Rows() {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err = Open(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{Bytes: 20_000})
	wantCode(t, err, refusal.CodeTooLarge)
}

func TestODSReadingEndsWithTheContext(t *testing.T) {
	data := zipParts(t, odstest.Parts("", odstest.Table("Roll", `<table:table-row `+
		`table:number-rows-repeated="1000000">`+odstest.Cell("a")+
		`</table:table-row>`)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	file, err := Open(ctx, bytes.NewReader(data), int64(len(data)), Budget{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	for _, err = range file.Sheets[0].Rows() {
		if rows++; rows == 10 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) || rows != 11 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// Whatever their names are, people are told what their files are.
func TestFormatIsThatOfTheContent(t *testing.T) {
	row := []string{"ID Number"}
	for want, data := range map[string][]byte{"ods": odstest.Roll(row), "xlsx": buildBook(t, row),
		"csv": []byte("ID Number\n"),
		"xls": xlstest.Roll(row)} {
		file, err := openBytes(data)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if got := file.Format(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		_ = file.Close()
	}
}
