package validation

import (
	"fmt"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/workbook/xlsxtest"
)

// That rows are out of order shows after many of them were judged. They are judged anew.
func TestRowsOutOfOrderAreJudgedInTheirOrder(t *testing.T) {
	srv := eventstest.Start(t)
	runService(t, srv)
	job := uploadFile(t, srv, xlsxtest.Disordered(t, 300))
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
