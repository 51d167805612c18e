package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/client"
)

const apiBase = "/api/v1/bulk-upload"

// restClient returns a client of a REST API that the test scripts.
func restClient(t *testing.T, cfg client.Config, api http.HandlerFunc) *client.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer token" {
			t.Errorf("%s %s as %q", r.Method, r.URL, got)
		}
		api(w, r)
	}))
	t.Cleanup(srv.Close)
	cfg.URL, cfg.Token = srv.URL+"/", "token"
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answer(t *testing.T, w http.ResponseWriter, data any) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(map[string]any{"success": true, "message": "Done.", "data": data}); err != nil {
		t.Error(err)
	}
}

func TestUploadSendsTheFileTheOptionsAndTheKey(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
		file, head, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Error(err)
		}
		got := fmt.Sprint(r.Method, r.URL.Path, head.Filename, string(text),
			r.FormValue("dry_run"), r.FormValue("iec_verification"), r.Header.Get("Idempotency-Key"))
		if want := fmt.Sprint("POST", apiBase+"/process", "roll.csv", "rows", "true", "false", "k"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		answer(t, w, map[string]string{"job_id": "job-1"})
	})
	o := client.UploadOptions{DryRun: true, SkipIEC: true, Key: "k"}
	id, err := c.Upload(t.Context(), "roll.csv", strings.NewReader("rows"), o)
	if err != nil || id != "job-1" {
		t.Errorf("%q, %v", id, err)
	}
}

func TestInspectSendsTheFileAndTheMapping(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if _, head, err := r.FormFile("file"); err != nil || head.Filename != "roll.csv" ||
			r.URL.Path != apiBase+"/inspect" || r.FormValue("mapping") != `{"Kode":"id_number"}` {
			t.Errorf("%s %v, %v", r.URL, r.Form, err)
		}
		answer(t, w, map[string]int{"header_row": 3})
	})
	var got struct {
		HeaderRow int `json:"header_row"`
	}
	o := client.UploadOptions{Mapping: map[string]string{"Kode": "id_number"}}
	if err := c.Inspect(t.Context(), "roll.csv", strings.NewReader("rows"), o, &got); err != nil || got.HeaderRow != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRefusalHasTheServersMessage(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		e := &refusal.Error{Code: refusal.CodeTooManyUploads, Message: "Wait a while.",
			Details: map[string]any{"limit": "jobs"}, RetryAfter: 90 * time.Second}
		if err := e.Write(w, time.Now()); err != nil {
			t.Error(err)
		}
	})
	_, uploading := c.Upload(t.Context(), "roll.csv", strings.NewReader("rows"), client.UploadOptions{})
	saving := c.Save(t.Context(), "job-1", client.Report, filepath.Join(t.TempDir(), "r.xlsx"))
	for name, err := range map[string]error{"upload": uploading, "save": saving} {
		e, ok := errors.AsType[*refusal.Error](err)
		if !ok || e.Code != refusal.CodeTooManyUploads || e.Message != "Wait a while." ||
			e.Details["limit"] != "jobs" || e.RetryAfter != 90*time.Second {
			t.Errorf("%s: %+v", name, err)
			continue
		}
		if s, ok := errors.AsType[*client.StatusError](err); !ok || s.Status != http.StatusTooManyRequests {
			t.Errorf("%s: status %+v", name, s)
		}
		if err.Error() != "too_many_uploads: Wait a while." {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswerOfAnotherServerIsNoRefusal(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
	})
	err := c.Call(t.Context(), http.MethodGet, "/stats", nil)
	_, refused := errors.AsType[*refusal.Error](err)
	if err == nil || refused || !strings.Contains(err.Error(), "502") {
		t.Errorf("%v", err)
	}
}

func TestJobsAreListedCancelledRetriedAndUndone(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
		switch got := r.Method + " " + strings.TrimPrefix(r.URL.String(), apiBase); got {
		case "GET /history?page=2&status=failed":
			answer(t, w, map[string]any{"total": 21, "jobs": []map[string]any{{
				"job_id": "job-1", "status": "failed", "failed_stage": "iec", "failed_attempts": 3, "error_code": "x",
			}}})
		case "POST /cancel/a%2Fb", "POST /retry/a%2Fb", "POST /undo/a%2Fb":
			answer(t, w, map[string]string{"job_id": "job-2", "status": "processing", "message": got})
		default:
			t.Errorf("asked for %s", got)
		}
	})
	page, err := c.Jobs(t.Context(), client.JobQuery{Page: 2, Status: events.StatusFailed})
	if err != nil || page.Total != 21 || len(page.Jobs) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	if j := page.Jobs[0]; j.Stage != events.StageIEC || j.Attempts == nil || *j.Attempts != 3 || j.Code != "x" {
		t.Errorf("%+v", j)
	}
	for verb, steer := range map[string]func(context.Context, string) (client.JobState, error){
		"cancel": c.Cancel, "retry": c.Retry, "undo": c.Undo,
	} {
		job, err := steer(t.Context(), "a/b")
		if err != nil || job.JobID != "job-2" || job.Status != events.StatusProcessing ||
			!strings.Contains(job.Message, verb) {
			t.Errorf("%s: %+v, %v", verb, job, err)
		}
	}
}

func TestJobsAreSearchedFor(t *testing.T) {
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != apiBase+"/history" {
			t.Errorf("asked for %s", r.URL)
		}
		q, next := r.URL.Query(), any("c2")
		switch q.Encode() {
		case "from=2026-03-01&limit=2&page=1&search=ward+7&to=2026-03-02T08%3A00%3A00Z":
		case "cursor=c2&from=2026-03-01&limit=2&search=ward+7&to=2026-03-02T08%3A00%3A00Z":
			next = nil
		default:
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		answer(t, w, map[string]any{"total": 3, "pagination": map[string]any{"next_cursor": next},
			"jobs": []map[string]any{{"job_id": "job-1", "uploaded_by": "alice"}}})
	})
	q := client.JobQuery{Search: "ward 7", From: "2026-03-01", To: "2026-03-02T08:00:00Z", Page: 1, Limit: 2}
	for _, want := range []string{"c2", ""} {
		page, err := c.Jobs(t.Context(), q)
		if err != nil || page.Total != 3 || page.Next != want || page.Jobs[0].Uploader != "alice" {
			t.Errorf("%+v, %v", page, err)
		}
		q.Cursor = page.Next
	}
}

func TestSaveWritesAllOrNothing(t *testing.T) {
	const report = "the whole report"
	c := restClient(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("part") == "rejects" {
			w.Header().Set("Content-Length", "1000") // and the connection ends before that
		}
		_, _ = io.WriteString(w, report) // the client may have gone
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "r.xlsx")
	if err := c.Save(t.Context(), "job-1", client.Report, file); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != report {
		t.Errorf("%q, %v", text, err)
	}
	if err := c.Save(t.Context(), "job-1", client.Rejects, filepath.Join(dir, "rejects.xlsx")); err == nil {
		t.Error("half a file was saved")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestEachRequestGetsATokenFromTheSource(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(t, w, r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	n := 0
	c, err := client.New(client.Config{URL: srv.URL, TokenSource: func(context.Context) (string, error) {
		if n++; n > 2 {
			return "", errNoToken
		}
		return fmt.Sprint("token-", n), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Bearer token-1", "Bearer token-2"} {
		var got string
		if err := c.Call(t.Context(), http.MethodGet, "/stats", &got); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if err := c.Call(t.Context(), http.MethodGet, "/stats", nil); !errors.Is(err, errNoToken) {
		t.Errorf("without a token: %v", err)
	}
}
