package metrics

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rollcall.example/events"
)

// A scrape leaves out and logs what cannot be collected, and has the rest.
func TestScrapeLeavesOutWhatFails(t *testing.T) {
	m := New()
	var missing error
	m.CollectOutage([]string{"iec_refused", "iec_unavailable"}, func(context.Context) (string, error) {
		return "iec_refused", missing
	})
	m.CollectQuota(func(context.Context) (events.Quota, error) { return events.Quota{Limit: 100, Used: 103}, missing })
	m.CollectCheck("database", func(context.Context) error { return missing })
	store := m.CountArtifacts(&events.Store{})
	store.Observe("ROWS", true, 5)
	store.Observe("ROWS", false, 3)
	store.Observe("ROWS", true, 2)
	var log bytes.Buffer
	scrape := func() string {
		t.Helper()
		w := httptest.NewRecorder()
		m.Handler(slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(w,
			httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != http.StatusOK {
			t.Fatalf("status %d\n%s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	has := func(text string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("no line %q in\n%s", line, text)
			}
		}
	}
	bytesMoved := []string{`rollcall_artifact_bytes_total{bucket="ROWS",direction="written"} 7`,
		`rollcall_artifact_bytes_total{bucket="ROWS",direction="read"} 3`}
	// For a moment more calls can be reserved than there are. Remaining is never negative.
	has(scrape(), append(bytesMoved, "rollcall_iec_quota_limit 100", "rollcall_iec_quota_used 103",
		"rollcall_iec_quota_remaining 0", `rollcall_iec_outage{reason="iec_refused"} 1`,
		`rollcall_iec_outage{reason="iec_unavailable"} 0`, `rollcall_check_ok{check="database"} 1`)...)
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", log.String())
	}
	missing = errors.New("no answer")
	text := scrape()
	has(text, append(bytesMoved, `rollcall_check_ok{check="database"} 0`)...)
	if strings.Contains(text, "rollcall_iec_quota") || !strings.Contains(log.String(), "no answer") {
		t.Errorf("without an answer:\n%s\nlogged:\n%s", text, log.String())
	}
}
