package validation

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
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

// That rows are out of order shows after many of them were judged. They are judged anew.
func TestRowsOutOfOrderAreJudgedInTheirOrder(t *testing.T) {
	srv := eventstest.Start(t)
	runService(t, srv)
	job := uploadFile(t, srv, disorderedBook(t, 300))
	js := eventstest.Connect(t, srv, "report")
	fact := eventstest.WaitKind(t, events.NewLog(js, events.StageReport, nil), job.ID, events.KindValidated).Validated
	if n := fact.Stats; n.TotalRecords != 300 || n.InvalidIDs != 300 || n.BlankRows != 0 {
		t.Errorf("stats %+v", n)
	}
	if w := fact.FileWarnings; len(w) != 1 || w[0].Code != "rows_reordered" {
		t.Errorf("warnings %+v", w)
	}
	for i, r := range readRecords[records.RejectedRow](t, js, fact.Rejects) {
		if r.N != i+2 || r.Cells[1] != fmt.Sprint("P", r.N) {
			t.Fatalf("reject %d is of row %d: %v", i, r.N, r.Cells)
		}
	}
}
