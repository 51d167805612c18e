// Package xlsxtest builds Excel workbooks for tests, part by part.
package xlsxtest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Parts returns the parts of a workbook of one sheet, Roll, with the given row elements.
func Parts(rows string) map[string]string {
	return map[string]string{
		"[Content_Types].xml": `<Types/>`,
		"_rels/.rels": `<Relationships>` +
			`<Relationship Id="m" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook xmlns:r="r"><sheets><sheet name="Roll" sheetId="1" r:id="a"/></sheets>` +
			`</workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="a" Type="x/worksheet" ` +
			`Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet><sheetData>` + rows + `</sheetData></worksheet>`,
	}
}

// Rows returns the elements of rows of texts, the first of which has the number from. An
// empty text has no cell.
func Rows(from int, rows ...[]string) string {
	var b strings.Builder
	for i, texts := range rows {
		fmt.Fprintf(&b, `<row r="%d">`, from+i)
		for j, text := range texts {
			if text != "" {
				fmt.Fprintf(&b, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+j, from+i, text)
			}
		}
		b.WriteString(`</row>`)
	}
	return b.String()
}

// Pack packs parts, in the order of their names. Change, if it is not nil, alters the header
// of each entry.
func Pack(t testing.TB, parts map[string]string, change func(*zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		if change != nil {
			change(h)
		}
		w, err := zw.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, parts[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Disordered returns a workbook of n people, whose ID numbers are none, in which two rows
// far down are out of order. The surname of the person in row 7 is P7.
func Disordered(t testing.TB, n int) []byte {
	t.Helper()
	rows := Rows(1, []string{"ID Number", "Surname"})
	for i := 2; i <= n+1; i++ {
		at := i
		switch i {
		case n - 3:
			at = n - 2
		case n - 2:
			at = n - 3
		}
		rows += Rows(at, []string{fmt.Sprintf("%013d", at), fmt.Sprintf("P%d", at)})
	}
	return Pack(t, Parts(rows), nil)
}
