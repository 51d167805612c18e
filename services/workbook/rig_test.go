package workbook

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// buildBook returns a workbook of one sheet whose cells are texts.
func buildBook(t testing.TB, rows ...[]string) []byte {
	t.Helper()
	file := xlsx.NewFile()
	addSheet(t, file, "Sheet1", rows...)
	return saveBook(t, file)
}

func addSheet(t testing.TB, file *xlsx.File, name string, rows ...[]string) *xlsx.Sheet {
	t.Helper()
	sheet, err := file.AddSheet(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range rows {
		row := sheet.AddRow()
		for _, text := range cells {
			row.AddCell().SetString(text)
		}
	}
	return sheet
}

func saveBook(t testing.TB, file *xlsx.File) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := file.Write(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// minimalParts are the least parts that make a workbook, with the given rows in its
// sheet.
func minimalParts(rows string) map[string]string {
	const main = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	const rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	return map[string]string{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
		"xl/workbook.xml": fmt.Sprintf(`<workbook %s xmlns:r="%s"><workbookPr/>`+
			`<sheets><sheet name="Roll" sheetId="1" r:id="rId1"/></sheets></workbook>`, main, rel),
		"xl/_rels/workbook.xml.rels": fmt.Sprintf(
			`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+
				`<Relationship Id="rId1" Type="%s/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`, rel),
		"xl/sharedStrings.xml": fmt.Sprintf(`<sst %s count="2"><si><t>ID Number</t></si><si><t>x</t></si></sst>`,
			main),
		"xl/worksheets/sheet1.xml": fmt.Sprintf(`<worksheet %s><sheetData>%s</sheetData></worksheet>`, main, rows),
	}
}

func zipParts(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := newZip(&buf)
	for name, content := range parts {
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// newZip returns a writer that compresses fast: under the race detector it is most
// of what a test of a large archive costs.
func newZip(w io.Writer) *zip.Writer {
	zw := zip.NewWriter(w)
	zw.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	return zw
}

// openBytes opens a workbook and reads all its rows once.
func openBytes(data []byte) (*File, error) {
	file, err := Open(context.Background(), bytes.NewReader(data), int64(len(data)), Budget{})
	if err != nil {
		return nil, err
	}
	for _, sheet := range file.Sheets {
		for _, err := range sheet.Rows() {
			if err != nil {
				return nil, errors.Join(err, file.Close())
			}
		}
	}
	return file, nil
}

func readColumns(t testing.TB) []schema.Column {
	t.Helper()
	all, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantCode demands a refusal of the given code whose message is a sentence; ""
// demands no error.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Fatalf("error %v, want none", err)
		}
		return
	}
	var refused *refusal.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
	if !strings.HasSuffix(refused.Message, ".") || len(refused.Message) < 20 {
		t.Fatalf("message %q is no sentence", refused.Message)
	}
}

// openWithMemory opens a workbook whose shared strings may take so many bytes of
// memory.
func openWithMemory(data []byte, memory int) (*File, error) {
	file, err := Open(context.Background(), bytes.NewReader(data), int64(len(data)), Budget{})
	if err == nil {
		file.strings.limit = memory
	}
	return file, err
}
