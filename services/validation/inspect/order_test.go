package inspect

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"rollcall.example/services/workbook"
)

// disorderedBook returns a workbook of n people in which two rows far down are out of
// order.
func disorderedBook(t *testing.T, n int) []byte {
	t.Helper()
	var rows strings.Builder
	for i := range n + 1 {
		at := i + 1
		switch at {
		case n - 3:
			at = n - 2
		case n - 2:
			at = n - 3
		}
		id, name := fmt.Sprintf("%013d", at), fmt.Sprintf("P%d", at)
		if at == 1 {
			id, name = "ID Number", "Surname"
		}
		fmt.Fprintf(&rows, `<row r="%d"><c r="A%[1]d" t="str"><v>%[2]s</v></c><c r="B%[1]d" t="str"><v>%[3]s</v></c></row>`,
			at, id, name)
	}
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"[Content_Types].xml": `<Types/>`,
		"xl/workbook.xml":     `<workbook xmlns:r="r"><sheets><sheet name="Roll" sheetId="1" r:id="a"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="a" Type="x/worksheet" ` +
			`Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet><sheetData>` + rows.String() + `</sheetData></worksheet>`,
	} {
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRowsOutOfOrderAreShownInTheirOrder(t *testing.T) {
	data := disorderedBook(t, 300)
	report := lookAt(t, data)
	if report.Counts.TotalRecords != 300 || report.Sheets[0].Rows != 301 || report.Refusal != nil {
		t.Errorf("%+v", report)
	}
	if w := report.FileWarnings; len(w) != 1 || w[0].Code != "rows_reordered" {
		t.Errorf("warnings %+v", w)
	}
	var out bytes.Buffer
	if err := WriteRows(t.Context(), &out, bytes.NewReader(data), int64(len(data)), workbook.Budget{}, false); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !strings.Contains(line, fmt.Sprintf(`"row":%d`, i+1)) {
			t.Fatalf("line %d is %s", i+1, line)
		}
	}
}
