package validation

import (
	"bytes"
	"testing"

	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }

// uploadFile stores a workbook as the upload service does and returns the job.
func uploadFile(t *testing.T, srv *embedded.Server, data []byte) events.Job {
	t.Helper()
	js := eventstest.Connect(t, srv, "upload")
	file, err := events.NewStore(js).Put(t.Context(), events.BucketUploads, events.NewJobID()+"/upload.xlsx",
		bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return eventstest.Upload(t, events.NewLog(js, events.StageUpload, nil), events.User{ID: "alice", Role: "member"},
		file, events.Options{})
}

func runService(t *testing.T, srv *embedded.Server) {
	t.Helper()
	s := New(Config{Store: events.NewStore(eventstest.Connect(t, srv, "validation"))})
	eventstest.RunStage(t, srv, events.StageValidation, s.Handle)
}

func TestTheSampleBecomesRowsAndRejects(t *testing.T) {
	srv := eventstest.Start(t)
	runService(t, srv)
	sample, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	report := eventstest.Connect(t, srv, "report")
	job := eventstest.WaitKind(t, events.NewLog(report, events.StageReport, nil), uploadFile(t, srv, sample).ID,
		events.KindValidated)
	stats := job.Validated.Stats
	if stats.TotalRecords != 500 || stats.ValidRecords+stats.InvalidIDs+stats.Duplicates != 500 ||
		stats.BlankRows != 4 {
		t.Fatalf("stats %+v", stats)
	}
	store := events.NewStore(report)
	var header records.Header
	last := 4 // the header's row
	for row, err := range records.Each[records.Row](t.Context(), store, job.Validated.Rows, &header) {
		if err != nil {
			t.Fatal(err)
		}
		if row.N <= last || len(row.ID) != 13 || len(row.Cells) < 25 {
			t.Fatalf("row %d after %d", row.N, last)
		}
		last = row.N
	}
	if header.Fields["id_number"] != 0 || len(header.Columns) != 25 || header.Records != stats.ValidRecords {
		t.Fatalf("header %+v", header)
	}
	codes := map[string]int{}
	for r, err := range records.Each[records.RejectedRow](t.Context(), store, job.Validated.Rejects, nil) {
		if err != nil {
			t.Fatal(err)
		}
		codes[r.Code]++
		if r.Code == records.RejectDuplicate && (r.Count < 2 || len(r.Rows) != r.Count || r.Rows[0] != r.FirstRow) {
			t.Fatalf("duplicate %+v", r)
		}
	}
	for _, code := range []string{records.RejectMissing, records.RejectFormat, records.RejectChecksum,
		records.RejectDate, records.RejectDuplicate} {
		if codes[code] == 0 {
			t.Errorf("no reject of code %s in %v", code, codes)
		}
	}
}

func TestABadFileFailsTheJobWithItsCode(t *testing.T) {
	srv := eventstest.Start(t)
	runService(t, srv)
	log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	for code, data := range map[string]string{
		"not_a_zip":         "<html><table>",
		"xls_not_supported": "\x09\x04\x06\x00\x00\x00\x00\x01\x00\x00\x0A\x00\x00\x00",
		"empty_file":        "",
	} {
		job := eventstest.WaitKind(t, log, uploadFile(t, srv, []byte(data)).ID, events.KindFailed)
		if f := job.Failed; f.Code != code || f.Attempts != 1 || f.Retryable || f.Message == "" {
			t.Errorf("%s: failed %+v", code, f)
		}
	}
}
