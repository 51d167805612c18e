package upload

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

var stamp = regexp.MustCompile(`"timestamp":"[^"]*"`)

func TestListsAndSumsAreOfOnesOwnJobs(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	r.as(id, eventstest.Facts(id)...)
	if a := r.get("carol national_admin", "/status/"+id); a.status != 200 || a.Data["user_id"] != "alice" {
		t.Errorf("administrator: %s", a.raw)
	}
	for who, n := range map[string]float64{"alice member": 1, "bob member": 0, "carol national_admin": 1} {
		if a := r.get(who, "/history"); a.Data["total"] != n {
			t.Errorf("%s lists %v", who, a.Data["total"])
		}
		if a := r.get(who, "/stats"); a.Data["total_jobs"] != n {
			t.Errorf("%s counts %v", who, a.Data["total_jobs"])
		}
	}
}

func TestStatusFollowsTheLog(t *testing.T) {
	r := newRig(t)
	r.project()
	id := r.uploaded("alice member")
	facts := eventstest.Facts(id)
	facts[0].(*events.Validated).Stats.TotalRecords = 77
	want := func(status, stage string, percent float64) {
		t.Helper()
		a := r.get("alice member", "/status/"+id)
		if a.Data["status"] != status || a.Data["stage"] != stage || a.Data["progress"] != percent {
			t.Fatalf("want %s %s %v: %s", status, stage, percent, a.raw)
		}
	}
	want("pending", "initialization", 0)
	r.as(id, facts[0])
	want("processing", "pre_validation", 40)
	job, err := r.log.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	iec := events.NewLog(eventstest.Connect(t, r.nats, "iec"), events.StageIEC, nil)
	p := events.Progress{Service: events.StageIEC, Step: events.IECVerification, Percent: 50, Message: "Asking", Status: events.StatusProcessing,
		Processed: 3, Total: 9, Trigger: job.Trigger}
	if err := iec.SetProgress(t.Context(), &job, p); err != nil {
		t.Fatal(err)
	}
	want("processing", "iec_verification", 50)
	r.as(id, &events.Paused{Stage: events.StageIEC, Reason: events.PauseQuota, Message: "Wait.", ResumesAt: time.Now(), Processed: 3, Total: 9})
	want("paused", "iec_verification", 50)
	r.as(id, &events.Resumed{Stage: events.StageIEC, Processed: 3, Total: 9}, facts[1])
	want("processing", "iec_verification", 60)
	r.as(id, facts[2], facts[3])
	want("completed", "report_generation", 100)
	eventstest.Wait(t, "the list to know", func() bool {
		a := r.get("alice member", "/history?status=completed")
		return a.Data["total"] == 1.0
	})
	if a := r.get("alice member", "/history?status=failed"); a.Data["total"] != 0.0 {
		t.Errorf("failed ones: %s", a.raw)
	}
}

func TestHistoryPages(t *testing.T) {
	r := newRig(t)
	var ids []string
	for range 5 {
		ids = append(ids, r.uploaded("alice member"))
	}
	slices.Reverse(ids)
	var listed []string
	for page := 1; page <= 3; page++ {
		a := r.get("alice member", fmt.Sprintf("/history?page=%d&page_size=2", page))
		for _, j := range a.Data["jobs"].([]any) {
			listed = append(listed, j.(map[string]any)["job_id"].(string))
		}
	}
	if !slices.Equal(ids, listed) {
		t.Fatalf("uploaded %v, listed %v", ids, listed)
	}
	for _, bad := range []string{"page=0", "page=x", "page_size=101", "status=odd", "page=-1"} {
		if a := r.get("alice member", "/history?"+bad); a.status != 400 || a.Error.Code != "bad_request" {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
}

// Who asks at the same moment may be told the same, but it happens once.
func TestManyCancelsAreOneFact(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	var start, wg sync.WaitGroup
	start.Add(1)
	codes := make([]int, 8)
	for i := range codes {
		wg.Go(func() {
			start.Wait()
			codes[i] = r.post("alice member", "/cancel/"+id).status
		})
	}
	start.Done()
	wg.Wait()
	slices.Sort(codes)
	if codes[0] != 200 || slices.ContainsFunc(codes, func(c int) bool { return c != 200 && c != 409 }) {
		t.Fatalf("answers %v", codes)
	}
	list, err := r.log.Replay(t.Context(), id, 0)
	if err != nil || len(list) != 2 || list[1].Kind != events.KindCancelled {
		t.Fatalf("history %v, %v", list, err)
	}
	if a := r.post("alice member", "/cancel/"+id); a.status != 409 || a.Error.Code != "not_allowed" {
		t.Errorf("later: %d %s", a.status, a.raw)
	}
}

func TestRetry(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	if a := r.post("alice member", "/retry/"+id); a.status != 409 || a.Error.Code != "not_allowed" {
		t.Errorf("a running job: %d %s", a.status, a.raw)
	}
	failed := &events.Failed{Stage: events.StageValidation, Code: "internal_error", Message: "Please retry.", Attempts: 5, Retryable: true}
	r.as(id, failed)
	if a := r.get("alice member", "/status/"+id); a.Data["status"] != "failed" || a.Data["error"].(map[string]any)["code"] != "internal_error" {
		t.Errorf("%s", a.raw)
	}
	if a := r.post("alice member", "/retry/"+id); a.status != 202 || a.Data["status"] != "processing" {
		t.Errorf("a failed job: %d %s", a.status, a.raw)
	}
	again := *failed
	again.Retryable = false
	r.as(id, &again)
	if a := r.post("alice member", "/retry/"+id); a.status != 409 || !strings.Contains(a.Message, "Please retry.") {
		t.Errorf("a hopeless job: %d %s", a.status, a.raw)
	}
}

func TestReportIsWhatTheLogNames(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	if a := r.get("alice member", "/report/"+id); a.status != 409 || a.Error.Code != "not_ready" {
		t.Fatalf("before: %d %s", a.status, a.raw)
	}
	report := events.NewStore(eventstest.Connect(t, r.nats, "report"))
	artifact, err := report.Put(t.Context(), events.BucketReports, id+"/report.xlsx", strings.NewReader("the report"))
	if err != nil {
		t.Fatal(err)
	}
	facts := eventstest.Facts(id)
	facts[3].(*events.Reported).Report = artifact
	r.as(id, facts...)
	a := r.get("alice member", "/report/"+id)
	if a.status != 200 || string(a.raw) != "the report" || a.header.Get("Content-Type") != xlsxType ||
		a.header.Get("ETag") != `"`+artifact.SHA256+`"` || a.header.Get("Content-Length") != "10" {
		t.Fatalf("%d %q %v", a.status, a.raw, a.header)
	}
	if d := a.header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; filename") {
		t.Errorf("disposition %q", d)
	}
	if _, err := report.Put(t.Context(), events.BucketReports, id+"/report.xlsx", strings.NewReader("another!!!")); err != nil {
		t.Fatal(err)
	}
	if a := r.get("alice member", "/report/"+id); a.status != 502 || a.Error.Code != "report_damaged" {
		t.Errorf("altered: %d %s", a.status, a.raw)
	}
}

func TestRateLimitStatus(t *testing.T) {
	r := newRig(t)
	a := r.get("alice member", "/rate-limit-status")
	if a.status != 200 || a.Data["current_count"] != 25.0 || a.Data["remaining"] != 75.0 || a.Data["percentage_used"] != 25.0 || a.Data["reset_time"] != nil {
		t.Fatalf("%s", a.raw)
	}
	spent := newRig(t, func(c *Config) {
		c.Quota = func(context.Context) (events.Quota, error) {
			return events.Quota{Used: 120, Limit: 100, ResetAt: time.Date(2026, 3, 1, 13, 1, 0, 0, time.UTC)}, nil
		}
	})
	if a := spent.get("alice member", "/rate-limit-status"); a.Data["remaining"] != 0.0 || a.Data["is_limited"] != true || a.Data["reset_time"] != "2026-03-01T13:01:00Z" {
		t.Errorf("%s", a.raw)
	}
	down := newRig(t, func(c *Config) {
		c.Quota = func(context.Context) (events.Quota, error) { return events.Quota{}, errDown }
	})
	if a := down.get("alice member", "/rate-limit-status"); a.status != 503 || strings.Contains(string(a.raw), "down") {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestOtherAddressesAndMethods(t *testing.T) {
	r := newRig(t)
	if a := r.get("alice member", "/nothing"); a.status != 404 || a.Error.Code != "not_found" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := r.get("alice member", "/process"); a.status != 405 || a.header.Get("Allow") != http.MethodPost {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := r.get("", "/history"); a.status != 401 || a.Error.Details["reason"] != "token_missing" || a.header.Get("WWW-Authenticate") == "" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestTheProjectionCatchesUpAndKeepsTheNewest(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	old, err := r.log.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r.as(id, eventstest.Facts(id)...)
	if _, err := r.svc.cfg.DB.Exec("DELETE FROM jobs"); err != nil {
		t.Fatal(err)
	}
	r.project()
	row := func() (status string, seq uint64) {
		_ = r.svc.cfg.DB.QueryRow("SELECT status, seq FROM jobs WHERE job_id = $1", id).Scan(&status, &seq) // none yet
		return status, seq
	}
	eventstest.Wait(t, "the job in the table", func() bool { s, _ := row(); return s == "completed" })
	if err := r.svc.project(t.Context(), &old); err != nil {
		t.Fatal(err)
	}
	if status, seq := row(); status != "completed" || seq <= old.Seq {
		t.Fatalf("an older fold replaced the newest: %s %d", status, seq)
	}
}
