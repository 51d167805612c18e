package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzSheet changes the rows and the shared strings of real workbooks: the same
// cells as the library reads, or a refusal; never a panic, never without end.
func FuzzSheet(f *testing.F) {
	for _, data := range [][]byte{tealegBook(f), excelizeStream(f, 5, 4)} {
		p := unzipped(f, data)
		f.Add(firstRows(p[sheet1]), firstRows(p["xl/sharedStrings.xml"]))
	}
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><r><t>a</t></r></is></c><c r="B1" t="b"><v>1</v></c></row></sheetData></worksheet>`,
		`<sst><si><t>x</t></si></sst>`)
	f.Fuzz(func(t *testing.T, sheet, sst string) {
		p := parts("")
		p[sheet1], p["xl/sharedStrings.xml"] = sheet, sst
		_, err := sameCells(zipped(t, p))
		if err != nil && !errors.Is(err, errRefused) && !errors.Is(err, errPeer) && !knownDefect(sheet, sst) {
			t.Error(err)
		}
	})
}

// knownDefect says whether the library is known to read such a sheet wrongly: it
// loses cells and rows that do not say where they stand, and rows beyond a wrong
// dimension; takes phonetic runs for text, does not know escapes, makes runs of
// text of their own, trims, takes what it does not know for cells, follows shared
// formulas, and reads a cell of a kind it does not know as another.
func knownDefect(sheet, sst string) bool {
	rows := strings.Count(sheet, "<row")
	cells := strings.Count(sheet, "<c ") + strings.Count(sheet, "<c>") + strings.Count(sheet, "<c/")
	if strings.Count(sheet, ` r="`) < rows+cells || strings.Contains(sheet, "dimension") {
		return true
	}
	for _, what := range []string{"rPh", "_x", "<r>", "<r/", "inlineStr", "CDATA", "<!--", "<?", "<f", "spans", "<is", ":", "mergeCell", "&#", "\r"} {
		if strings.Contains(sheet, what) || strings.Contains(sst, what) {
			return true
		}
	}
	return false
}

// firstRows keeps the beginning of a list, so that the fuzzer has little to change.
func firstRows(part string) string {
	for _, end := range []string{"</row>", "</si>"} {
		if cut := strings.SplitAfterN(part, end, 4); len(cut) == 4 {
			i := strings.LastIndex(cut[3], end)
			return cut[0] + cut[1] + cut[2] + cut[3][i+len(end):]
		}
	}
	return part
}

func unzipped(t testing.TB, data []byte) map[string]string {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	p := make(map[string]string)
	for _, f := range zr.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(rc)
		if err = errors.Join(err, rc.Close()); err != nil {
			t.Fatal(err)
		}
		p[f.Name] = string(content)
	}
	return p
}
