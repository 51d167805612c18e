package upload

import (
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// stored puts records as an artifact of a job.
func stored[T records.Record](r *rig, user, bucket, name, id string, columns []string, list ...T) events.Artifact {
	r.t.Helper()
	store := events.NewStore(eventstest.Connect(r.t, r.nats, user))
	w, err := records.NewWriter[T](store)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			r.t.Fatal(err)
		}
	}
	a, err := w.Store(r.t.Context(), store, bucket, id+"/"+name, records.Header{Artifact: name, JobID: id, Columns: columns, Fields: map[string]int{"id_number": 1}})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func TestRejectsAreTheRowsToFix(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	path := "/report/" + id + "?part=rejects"
	if a := r.get("alice member", path); a.status != 409 || a.Error.Code != "not_ready" {
		t.Fatalf("before the rows were checked: %d %s", a.status, a.raw)
	}
	columns := []string{"Name", "ID Number", "Shoe Size"}
	facts := eventstest.Facts(id)
	validated := facts[0].(*events.Validated)
	validated.Rows = stored(r, "validation", events.BucketRows, "rows", id, columns,
		records.Row{N: 2, ID: "8001015009087", Cells: []string{"A", "8001015009087", "7"}},
		records.Row{N: 4, ID: "9001010001088", Cells: []string{"B", "9001010001088", "8"}})
	validated.Rejects = stored(r, "validation", events.BucketRows, "rejects", id, columns,
		records.RejectedRow{N: 3, Code: records.RejectFormat, Message: "The ID number does not have 13 digits.", Cell: "0012", Cells: []string{"=1+1", "0012", "", "beyond"}},
		records.RejectedRow{N: 5, Code: records.RejectDuplicate, Message: "The ID number stands in row 2 already.", FirstRow: 2, Cells: []string{"A ", "800101 5009 087", "7"}},
		records.RejectedRow{N: 6, Code: records.RejectDuplicate, Message: "The ID number stands in row 2 already.", FirstRow: 2, Cells: []string{"C", "8001015009087", "7"}})
	r.as(id, facts[0])
	want := [][]string{
		{"Name", "ID Number", "Shoe Size", "", schema.ReasonHeader},
		{"=1+1", "0012", "", "beyond", "Row 3: The ID number does not have 13 digits."},
		{"C", "8001015009087", "7", "", "Row 6: The ID number stands in row 2 already. Correct it, or delete this row."},
	}
	a := r.get("alice member", path)
	checkBook(t, a, want)
	if d := a.header.Get("Content-Disposition"); !strings.Contains(d, "to%20fix.xlsx") {
		t.Errorf("disposition %q", d)
	}
	if logs := r.logs.String(); !strings.Contains(logs, "rejects read") || strings.Contains(logs, "8001015009087") {
		t.Errorf("logged: %s", logs)
	}

	// What the database refused has to be corrected as well.
	facts[2].(*events.Persisted).Outcomes = stored(r, "persistence", events.BucketOutcomes, "outcomes", id, nil,
		records.Outcome{N: 2, Result: records.Inserted}, records.Outcome{N: 4, Result: records.Refused, Error: "The database refused the row: age is out of range."})
	r.as(id, facts[1:]...)
	want = slices.Insert(want, 2, []string{"B", "9001010001088", "8", "", "Row 4: The database refused the row: age is out of range."})
	checkBook(t, r.get("alice member", path), want)

	if a := r.get("bob member", path); a.status != 404 || a.Error.Code != "not_found" {
		t.Errorf("somebody else: %d %s", a.status, a.raw)
	}
	if a := r.get("alice member", "/report/"+id+"?part=odd"); a.status != 400 || a.Error.Code != "bad_request" {
		t.Errorf("no such part: %d %s", a.status, a.raw)
	}
}

func TestARollWithoutFaultsHasNoRejects(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	facts := eventstest.Facts(id)
	facts[0].(*events.Validated).Rejects = stored[records.RejectedRow](r, "validation", events.BucketRows, "rejects", id, []string{"Name", "ID Number"})
	r.as(id, facts[0])
	if a := r.get("alice member", "/report/"+id+"?part=rejects"); a.status != 404 || a.Error.Code != "nothing_to_fix" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestRejectsThatWereAlteredAreNotSent(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	r.as(id, eventstest.Facts(id)[0]) // names objects that do not exist
	if a := r.get("alice member", "/report/"+id+"?part=rejects"); a.status != 502 || a.Error.Code != "report_damaged" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// checkBook holds the one sheet of a workbook against texts; no cell is a
// formula, and all are formatted as text.
func checkBook(t *testing.T, a reply, want [][]string) {
	t.Helper()
	if a.status != 200 || a.header.Get("Content-Type") != xlsxType {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	book, err := xlsx.OpenBinary(a.raw)
	if err != nil {
		t.Fatal(err)
	}
	sheet := book.Sheets[0]
	if len(book.Sheets) != 1 || sheet.MaxRow != len(want) {
		t.Fatalf("%d sheets, %d rows, want %d", len(book.Sheets), sheet.MaxRow, len(want))
	}
	for y, cells := range want {
		for x, text := range cells {
			cell, err := sheet.Cell(y, x)
			if err != nil || cell.Value != text || cell.Formula() != "" || cell.NumFmt != "@" {
				t.Errorf("row %d, column %d: %q (formula %q, format %q, %v), want %q", y+1, x+1, cell.Value, cell.Formula(), cell.NumFmt, err, text)
			}
		}
	}
}
