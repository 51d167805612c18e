package api_test

import (
	"bytes"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
)

func TestReportIsTheOneThatTheLogNames(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	if a := r.Get("alice member", "/report/"+id); a.Status != 409 || a.Error.Code != "not_ready" {
		t.Fatalf("before: %d %s", a.Status, a.Raw)
	}
	report := events.NewStore(eventstest.Connect(t, r.NATS, "report"))
	artifact, err := report.Put(t.Context(), events.BucketReports, id+"/report.xlsx", strings.NewReader("the report"))
	if err != nil {
		t.Fatal(err)
	}
	facts := eventstest.Facts(id)
	facts[3].(*events.Reported).Report = artifact
	r.Append(id, facts...)
	a := r.Get("alice member", "/report/"+id)
	if a.Status != 200 || string(a.Raw) != "the report" || a.Header.Get("Content-Type") != api.XLSXType ||
		a.Header.Get("ETag") != `"`+artifact.SHA256+`"` || a.Header.Get("Content-Length") != "10" {
		t.Fatalf("%d %q %v", a.Status, a.Raw, a.Header)
	}
	if d := a.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; filename") {
		t.Errorf("disposition %q", d)
	}
	_, err = report.Put(t.Context(), events.BucketReports, id+"/report.xlsx", strings.NewReader("another!!!"))
	if err != nil {
		t.Fatal(err)
	}
	if a := r.Get("alice member", "/report/"+id); a.Status != 502 || a.Error.Code != "report_damaged" {
		t.Errorf("altered: %d %s", a.Status, a.Raw)
	}
}

// The totals of a report are a PDF of two pages, audited as the report is.
func TestTheSummaryOfAReportIsAPDF(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	path := "/report/" + id + "?format=pdf"
	if a := r.Get("alice member", path); a.Status != 409 || a.Error.Code != "not_ready" {
		t.Fatalf("before: %d %s", a.Status, a.Raw)
	}
	book := apitest.Workbook(t, []string{"Summary"}, []string{"Rows", "2"})
	artifact, err := events.NewStore(eventstest.Connect(t, r.NATS, "report")).Put(t.Context(), events.BucketReports,
		id+"/report.xlsx", strings.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	facts := eventstest.Facts(id)
	facts[3].(*events.Reported).Report = artifact
	r.Append(id, facts...)
	a := r.Get("alice member", path)
	if a.Status != 200 || a.Header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(a.Raw, []byte("%PDF-")) ||
		!bytes.Contains(a.Raw, []byte("/Count 2")) || !strings.Contains(a.Header.Get("Content-Disposition"), "summary.pdf") {
		t.Errorf("%d %v %.40q", a.Status, a.Header, a.Raw)
	}
	if a := r.Get("bob member", path); a.Status != 404 {
		t.Errorf("somebody else: %d %s", a.Status, a.Raw)
	}
	if a := r.Get("alice member", path+"&part=rejects"); a.Status != 400 || a.Error.Code != "bad_request" {
		t.Errorf("the rows to fix: %d %s", a.Status, a.Raw)
	}
	for read, err := range events.ReadAccesses(t.Context(), eventstest.Connect(t, r.NATS, eventstest.Owner), id) {
		if err != nil || read.What != events.AccessReport || read.By.ID != "alice" {
			t.Errorf("audit: %+v, %v", read, err)
		}
	}
}
