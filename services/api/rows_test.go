package api_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/services/rows"
	"rollcall.example/services/sheets"
)

// rowsJob is a job of alice with five rows, and the facts that lie ahead of it.
func (r *rig) rowsJob() (id string, facts []events.Fact) {
	r.T.Helper()
	id = r.Upload("alice member")
	columns := []string{"Firstname", "ID Number"}
	facts = eventstest.Facts(id)
	validated := facts[0].(*events.Validated)
	validated.Rows = stored(r, "validation", events.BucketRows, "rows", id, columns,
		records.Row{N: 2, ID: "8001015009087", Fields: map[string]string{"firstname": "=Thandi"}, Cells: []string{"=Thandi"}},
		records.Row{N: 3, ID: "9001010001088", Fields: map[string]string{"firstname": "Sipho"}},
		records.Row{N: 6, ID: "8506155000084", Fields: map[string]string{"firstname": "Anna"}})
	validated.Rejects = stored(r, "validation", events.BucketRows, "rejects", id, columns,
		records.RejectedRow{N: 4, Code: records.RejectChecksum, Message: "The check digit is wrong.", Cell: "8001015009086"},
		records.RejectedRow{N: 5, Code: records.RejectDuplicate, Message: "Twice.", ID: "8001015009087", FirstRow: 2})
	facts[1].(*events.Verified).Verdicts = stored(r, "iec", events.BucketVerdicts, "verdicts", id, nil,
		records.Verdict{N: 2, Status: records.Registered}, records.Verdict{N: 3, Status: records.Deceased},
		records.Verdict{N: 6, Status: records.Registered})
	facts[2].(*events.Persisted).Outcomes = stored(r, "persistence", events.BucketOutcomes, "outcomes", id, nil,
		records.Outcome{N: 2, Result: records.Inserted}, records.Outcome{N: 3, Result: records.Updated},
		records.Outcome{N: 6, Result: records.Unchanged})
	return id, facts
}

// rowsOf returns the numbers of the rows of an answer.
func rowsOf(data map[string]any) (list []int) {
	for _, row := range data["rows"].([]any) {
		list = append(list, int(row.(map[string]any)["row"].(float64)))
	}
	return list
}

func TestRowsAreListedByPages(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	path := "/jobs/" + id + "/rows"
	if a := r.Get("alice member", path); a.Status != 409 || a.Error.Code != "not_ready" {
		t.Fatalf("before the rows were checked: %d %s", a.Status, a.Raw)
	}
	r.Append(id, facts[0])
	a := r.Get("alice member", path+"?limit=2")
	if a.Status != 200 || fmt.Sprint(rowsOf(a.Data)) != "[2 3]" || a.Data["complete"] != false || a.Data["total"] != 5.0 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	// The cursor leads on, also when the job has got further.
	r.Append(id, facts[1:]...)
	cursor := a.Data["next_cursor"].(string)
	a = r.Get("alice member", path+"?limit=2&cursor="+cursor)
	if fmt.Sprint(rowsOf(a.Data)) != "[4 5]" || a.Data["complete"] != true {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	a = r.Get("alice member", path+"?limit=2&cursor="+a.Data["next_cursor"].(string))
	if _, more := a.Data["next_cursor"]; fmt.Sprint(rowsOf(a.Data)) != "[6]" || more {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	first := a.Data["rows"].([]any)[0].(map[string]any)
	if first["status"] != "unchanged" || first["outcome"] != "unchanged" || first["id"] != "850615*****84" ||
		first["name"] != "Anna" {
		t.Errorf("%v", first)
	}
	for query, want := range map[string]string{
		"?status=deceased": "[3]", "?code=duplicate": "[5]", "?q=anna": "[6]", "?q=9087": "[2 5]",
		"?status=inserted,invalid": "[2 4]",
	} {
		if a := r.Get("alice member", path+query); fmt.Sprint(rowsOf(a.Data)) != want {
			t.Errorf("%s: %s", query, a.Raw)
		}
	}
	for query, code := range map[string]string{
		"?status=odd": "bad_request", "?limit=0": "bad_request", "?limit=1001": "bad_request", "?cursor=odd": "bad_request",
		"?statuses=valid": "bad_request", "?q=8001015009087": "bad_request", "?status=valid&cursor=" + cursor: "bad_request",
	} {
		if a := r.Get("alice member", path+query); a.Status != 400 || a.Error.Code != code {
			t.Errorf("%s: %d %s", query, a.Status, a.Raw)
		}
	}
	if a := r.Get("bob member", path); a.Status != 404 || a.Error.Code != "not_found" {
		t.Errorf("somebody else: %d %s", a.Status, a.Raw)
	}
	if logs := r.Logs.String(); !strings.Contains(logs, "rows read") || strings.Contains(logs, "8001015009087") {
		t.Errorf("logged: %s", logs)
	}
}

// Each page is in the audit before anybody sees it.
func TestEachPageOfRowsIsInTheAudit(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	r.Append(id, facts[0])
	a := r.Get("alice member", "/jobs/"+id+"/rows?limit=2")
	r.Get("alice member", "/jobs/"+id+"/rows?limit=2&cursor="+a.Data["next_cursor"].(string))
	r.getAs("text/csv", "alice member", "/jobs/"+id+"/rows")
	var seen []string
	for access, err := range events.ReadAccesses(t.Context(), eventstest.Connect(t, r.NATS, "operator"), id) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, string(access.What)+" by "+access.By.ID)
	}
	if want := []string{"rows by alice", "rows by alice", "rows by alice"}; !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
}

// getAs asks for an answer of a media type.
func (r *rig) getAs(accept, who, path string, headers ...string) (*http.Response, string) {
	r.T.Helper()
	req, err := http.NewRequest(http.MethodGet, r.URL+path, nil)
	if err != nil {
		r.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+who)
	req.Header.Set("Accept", accept)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.T.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.T.Fatal(err)
	}
	return resp, string(body)
}

func TestRowsAreStreamed(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	r.Append(id, facts...)
	path := "/jobs/" + id + "/rows"
	resp, body := r.getAs("text/csv", "alice member", path)
	list, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || resp.Header.Get("Content-Type") != "text/csv; charset=utf-8" || len(list) != 6 {
		t.Fatalf("%v %v %q", err, resp.Header, body)
	}
	want := []string{"2", "inserted", "valid;registered;inserted", "", "800101*****87", "'=Thandi", "inserted", ""}
	if !slices.Equal(list[1], want) {
		t.Errorf("%q, want %q", list[1], want)
	}
	resp, body = r.getAs("application/x-ndjson", "alice member", path+"?status=invalid,duplicate")
	var numbers []int
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		var row rows.Row
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, row.N)
	}
	if fmt.Sprint(numbers) != "[4 5]" || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%v of %q, %v", numbers, body, resp.Header)
	}
	if _, body := r.getAs("text/csv", "alice member", path+"?limit=2"); strings.Count(body, "\r\n") != 3 {
		t.Errorf("two rows: %q", body)
	}
	for accept, want := range map[string]string{
		"":                                     "application/json",
		"*/*":                                  "application/json",
		"text/html, */*;q=0.1":                 "application/json",
		"application/json, text/csv;q=0.5":     "application/json",
		"application/json;q=0.5, text/csv":     "text/csv; charset=utf-8",
		"application/x-ndjson, text/csv;q=0.9": "application/x-ndjson",
	} {
		if resp, _ := r.getAs(accept, "alice member", path); resp.Header.Get("Content-Type") != want {
			t.Errorf("%q is answered with %q", accept, resp.Header.Get("Content-Type"))
		}
	}
}

func TestRowsThatHaveNotChangedAreNotSentAgain(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	r.Append(id, facts[0])
	path := "/jobs/" + id + "/rows"
	resp, _ := r.getAs("", "alice member", path)
	tag := resp.Header.Get("ETag")
	if vary := resp.Header.Values("Vary"); !slices.Contains(vary, "Origin") || !slices.Contains(vary, "Accept") {
		t.Errorf("it varies by %v", vary)
	}
	if resp, body := r.getAs("", "alice member", path, "If-None-Match", tag); resp.StatusCode != 304 || body != "" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := r.getAs("text/csv", "alice member", path, "If-None-Match", tag); resp.StatusCode != 200 {
		t.Errorf("another form: %d", resp.StatusCode)
	}
	r.Append(id, facts[1])
	if resp, _ := r.getAs("", "alice member", path, "If-None-Match", tag); resp.StatusCode != 200 {
		t.Errorf("once the job got further: %d", resp.StatusCode)
	}
}

// After a retry what was listed may be something else.
func TestACursorOfAnEarlierAttemptIsRefused(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	r.Append(id, facts[0])
	a := r.Get("alice member", "/jobs/"+id+"/rows?limit=1")
	if a := r.Post("alice member", "/cancel/"+id); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	path := "/jobs/" + id + "/rows?limit=1&cursor=" + a.Data["next_cursor"].(string)
	if a := r.Get("alice member", path); fmt.Sprint(rowsOf(a.Data)) != "[3]" {
		t.Errorf("cancelled: %d %s", a.Status, a.Raw)
	}
	if a := r.Post("alice member", "/retry/"+id); a.Status != 202 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if a := r.Get("alice member", path); a.Status != 409 || a.Error.Code != refusal.CodeCursorOutdated {
		t.Errorf("retried: %d %s", a.Status, a.Raw)
	}
}

func TestRowsThatAreKeptNoLongerAreGone(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	r.Append(id, facts...)
	privacy := events.NewLog(eventstest.Connect(t, r.NATS, "privacy"), "privacy", nil)
	job, err := privacy.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	fact := &events.Erased{Reason: events.ErasedExpired, Status: job.Status,
		Removed: []events.Artifact{job.Validated.Rows}}
	if _, err := privacy.Append(t.Context(), &job, job.Seq, fact); err != nil {
		t.Fatal(err)
	}
	if a := r.Get("alice member", "/jobs/"+id+"/rows"); a.Status != 410 || a.Error.Code != "expired" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestRowsOfADamagedJobAreNotListed(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	r.Append(id, eventstest.Facts(id)[0]) // names objects that do not exist
	if a := r.Get("alice member", "/jobs/"+id+"/rows"); a.Status != 502 || a.Error.Code != "report_damaged" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

// Each sheet of a report can be had as text, and the rows to correct as well.
func TestSheetsOfAReportAreSentAsText(t *testing.T) {
	r := newRig(t)
	id, facts := r.rowsJob()
	book, err := sheets.New(sheets.Config{Looks: []sheets.Look{{Style: xlsx.NewStyle()}}, Formats: []string{"@"},
		SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	for _, name := range []string{"Summary", "Invalid IDs"} {
		sheet, err := book.AddSheet(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{name, "=1+1"} {
			cell, err := book.AddText(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := sheet.WriteRow(0, []sheets.Cell{cell}); err != nil {
				t.Fatal(err)
			}
		}
	}
	store := events.NewStore(eventstest.Connect(t, r.NATS, "report"))
	file, err := store.OpenSpool()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := book.Write(file); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	report, err := store.Put(t.Context(), events.BucketReports, id+"/report", file)
	if err != nil {
		t.Fatal(err)
	}
	facts[3].(*events.Reported).Report = report
	path := "/report/" + id + "?format=csv&part="
	r.Append(id, facts[0])
	if a := r.Get("alice member", path+"summary"); a.Status != 409 || a.Error.Code != "not_ready" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	resp, body := r.getAs("", "alice member", path+"rejects")
	if resp.StatusCode != 200 || !strings.Contains(body, "Row 4: The check digit is wrong.") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	r.Append(id, facts[1:]...)
	for _, name := range []string{"invalid_ids", "Invalid%20IDs"} {
		resp, body := r.getAs("", "alice member", path+name)
		d := resp.Header.Get("Content-Disposition")
		if body != "Invalid IDs\r\n'=1+1\r\n" || !strings.Contains(d, "invalid_ids.csv") ||
			resp.Header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("%s: %q %v", name, body, resp.Header)
		}
	}
	for _, part := range []string{"odd", "", "report"} {
		a := r.Get("alice member", path+part)
		if a.Status != 400 || a.Error.Code != "bad_request" || !strings.Contains(a.Message, "rejects, summary, invalid_ids") {
			t.Errorf("%s: %d %s", part, a.Status, a.Raw)
		}
	}
	if a := r.Get("alice member", "/report/"+id+"?format=odd"); a.Status != 400 {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.Get("bob member", path+"summary"); a.Status != 404 {
		t.Errorf("somebody else: %d %s", a.Status, a.Raw)
	}
	accesses := map[events.AccessKind]int{}
	for access, err := range events.ReadAccesses(t.Context(), eventstest.Connect(t, r.NATS, "operator"), id) {
		if err != nil {
			t.Fatal(err)
		}
		accesses[access.What]++
	}
	if accesses[events.AccessReport] != 2 || accesses[events.AccessRejects] != 1 {
		t.Errorf("audit %v", accesses)
	}
}
