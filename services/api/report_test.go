package api_test

import (
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
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
