package api_test

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
)

// stored stores records as an artifact of a job.
func stored[T records.Record](r *rig, user, bucket, name, id string, columns []string, list ...T) events.Artifact {
	r.T.Helper()
	store := events.NewStore(eventstest.Connect(r.T, r.NATS, user))
	w, err := records.NewWriter[T](store)
	if err != nil {
		r.T.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			r.T.Fatal(err)
		}
	}
	head := records.Header{Artifact: name, JobID: id, Columns: columns, Fields: map[string]int{"id_number": 1}}
	a, err := w.Store(r.T.Context(), store, bucket, id+"/"+name, head)
	if err != nil {
		r.T.Fatal(err)
	}
	return a
}

func TestRejectsAreTheRowsToFix(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	path := "/report/" + id + "?part=rejects"
	if a := r.Get("alice member", path); a.Status != 409 || a.Error.Code != "not_ready" {
		t.Fatalf("before the rows were checked: %d %s", a.Status, a.Raw)
	}
	columns := []string{"Name", "ID Number", "Shoe Size"}
	facts := eventstest.Facts(id)
	validated := facts[0].(*events.Validated)
	validated.Rows = stored(r, "validation", events.BucketRows, "rows", id, columns,
		records.Row{N: 2, ID: "8001015009087", Cells: []string{"A", "8001015009087", "7"}},
		records.Row{N: 4, ID: "9001010001088", Cells: []string{"B", "9001010001088", "8"}})
	validated.Rejects = stored(r, "validation", events.BucketRows, "rejects", id, columns,
		records.RejectedRow{N: 3, Code: records.RejectFormat, Message: "The ID number does not have 13 digits.",
			Cell: "0012", Cells: []string{"=1+1", "0012", "", "beyond"}},
		records.RejectedRow{N: 5, Code: records.RejectDuplicate, Message: "The ID number stands in row 2 already.",
			FirstRow: 2, Cells: []string{"A ", "800101 5009 087", "7"}},
		records.RejectedRow{N: 6, Code: records.RejectDuplicate, Message: "The ID number stands in row 2 already.",
			FirstRow: 2, Cells: []string{"C", "8001015009087", "7"}})
	r.Append(id, facts[0])
	want := [][]string{
		{"Name", "ID Number", "Shoe Size", "", schema.ReasonHeader},
		{"=1+1", "0012", "", "beyond", "Row 3: The ID number does not have 13 digits."},
		{"C", "8001015009087", "7", "", "Row 6: The ID number stands in row 2 already. Correct it, or delete this row."},
	}
	a := r.Get("alice member", path)
	checkBook(t, a, want)
	if d := a.Header.Get("Content-Disposition"); !strings.Contains(d, "to%20fix.xlsx") {
		t.Errorf("disposition %q", d)
	}
	if logs := r.Logs.String(); !strings.Contains(logs, "rejects read") || strings.Contains(logs, "8001015009087") {
		t.Errorf("logged: %s", logs)
	}

	// What the database refused has to be corrected as well.
	facts[2].(*events.Persisted).Outcomes = stored(r, "persistence", events.BucketOutcomes, "outcomes", id, nil,
		records.Outcome{N: 2, Result: records.Inserted},
		records.Outcome{N: 4, Result: records.Refused, Error: "The database refused the row: age is out of range."})
	r.Append(id, facts[1:]...)
	want = slices.Insert(want, 2,
		[]string{"B", "9001010001088", "8", "", "Row 4: The database refused the row: age is out of range."})
	checkBook(t, r.Get("alice member", path), want)

	if a := r.Get("bob member", path); a.Status != 404 || a.Error.Code != "not_found" {
		t.Errorf("somebody else: %d %s", a.Status, a.Raw)
	}
	if a := r.Get("alice member", "/report/"+id+"?part=odd"); a.Status != 400 || a.Error.Code != "bad_request" {
		t.Errorf("no such part: %d %s", a.Status, a.Raw)
	}
}

func TestARollWithoutFaultsHasNoRejects(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	facts := eventstest.Facts(id)
	facts[0].(*events.Validated).Rejects = stored[records.RejectedRow](
		r, "validation", events.BucketRows, "rejects", id, []string{"Name", "ID Number"})
	r.Append(id, facts[0])
	if a := r.Get("alice member", "/report/"+id+"?part=rejects"); a.Status != 404 || a.Error.Code != "nothing_to_fix" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestRejectsThatWereAlteredAreNotSent(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	r.Append(id, eventstest.Facts(id)[0]) // names objects that do not exist
	if a := r.Get("alice member", "/report/"+id+"?part=rejects"); a.Status != 502 || a.Error.Code != "report_damaged" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

// checkBook compares the one sheet of a workbook with texts. No cell is a formula,
// and all that are filled are formatted as text.
func checkBook(t *testing.T, a apitest.Reply, want [][]string) {
	t.Helper()
	if a.Status != 200 || a.Header.Get("Content-Type") != api.XLSXType {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	book, err := xlsx.OpenBinary(a.Raw)
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
			if text == "" && err == nil && cell.Value == "" {
				continue // not written
			}
			if err != nil || cell.Value != text || cell.Formula() != "" || cell.NumFmt != "@" {
				t.Errorf("row %d, column %d: %q (formula %q, format %q, %v), want %q",
					y+1, x+1, cell.Value, cell.Formula(), cell.NumFmt, err, text)
			}
		}
	}
}

// Cells and headers come back as text, whatever they begin with.
func TestNothingInRejectsIsAFormula(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	facts := eventstest.Facts(id)
	validated := facts[0].(*events.Validated)
	var columns, cells []string
	for _, first := range []string{"=", "+", "-", "@", "\t=", "\r=", "|", "%", "'=", " ="} {
		for _, rest := range []string{
			"1+1", `HYPERLINK("http://127.0.0.1/"&A1)`, "cmd|' /C calc'!A0", `WEBSERVICE("http://127.0.0.1")`,
			`DDE("cmd","/C calc","x")`,
		} {
			columns, cells = append(columns, first+rest), append(cells, first+rest)
		}
	}
	columns[1] = "ID Number"
	validated.Rejects = stored(r, "validation", events.BucketRows, "rejects", id, columns,
		records.RejectedRow{N: 2, Code: records.RejectFormat, Message: "=1+1", Cell: cells[1], Cells: cells})
	r.Append(id, facts[0])
	a := r.Get("alice member", "/report/"+id+"?part=rejects")
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	zr, err := zip.NewReader(bytes.NewReader(a.Raw), int64(len(a.Raw)))
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for _, f := range zr.File {
		body := unzip(t, f)
		for _, bad := range []string{"<f>", "<f ", "externalLink", "ddeLink", "hyperlink "} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %s", f.Name, bad)
			}
		}
		if strings.HasPrefix(f.Name, "xl/worksheets/") {
			texts += strings.Count(body, ` t="s"`)
			if filled := strings.Count(body, "<v>"); filled != texts {
				t.Errorf("%s: %d values, %d of them texts", f.Name, filled, texts)
			}
		}
	}
	if want := 2 * (len(columns) + 1); texts != want {
		t.Errorf("%d texts, want %d", texts, want)
	}
}

func unzip(t *testing.T, f *zip.File) string {
	t.Helper()
	rc, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	body, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// What the report stage has made is sent as it is kept. Where it is lost, it is made
// again.
func TestRejectsThatAreKeptAreNotMadeAgain(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	path := "/report/" + id + "?part=rejects"
	columns := []string{"Name", "ID Number"}
	facts := eventstest.Facts(id)
	validated := facts[0].(*events.Validated)
	validated.Rows = stored[records.Row](r, "validation", events.BucketRows, "rows", id, columns)
	validated.Rejects = stored(r, "validation", events.BucketRows, "rejects", id, columns,
		records.RejectedRow{N: 3, Code: records.RejectFormat, Message: "No.", Cell: "0012", Cells: []string{"A", "0012"}})
	facts[2].(*events.Persisted).Outcomes = stored[records.Outcome](
		r, "persistence", events.BucketOutcomes, "outcomes", id, nil)
	report := events.NewStore(eventstest.Connect(t, r.NATS, "report"))
	put := func(text string) events.Artifact {
		a, err := report.Put(t.Context(), events.BucketReports, id+"/rejects.xlsx", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	kept := put("the rejects")
	facts[3].(*events.Reported).Rejects = &kept
	r.Append(id, facts...)
	if a := r.Get("alice member", path); a.Status != 200 || string(a.Raw) != "the rejects" {
		t.Fatalf("kept: %d %s", a.Status, a.Raw)
	}
	put("others!!!!!")
	checkBook(t, r.Get("alice member", path), [][]string{
		{"Name", "ID Number", schema.ReasonHeader}, {"A", "0012", "Row 3: No."},
	})
}
