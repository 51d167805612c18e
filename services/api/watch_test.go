package api_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/security"
	"rollcall.example/services/api/apitest"
)

// What is refused is counted by what it may be a sign of, and logged with address and
// user, in whatever way somebody asks.
func TestRefusalsAreWatched(t *testing.T) {
	var watch *security.Watch
	r := newRig(t, func(c *apitest.Config) {
		watch = security.New(security.Config{Logger: c.API.Logger, Lines: 1000, AddressLines: 1000})
		c.API.Watch, c.Upload.UserJobs = watch, 1
		c.API.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	job := r.Upload("alice national_admin")
	want := watch.Stats().Refused[security.FaceREST]
	via := func(h http.Header) { h.Set("X-Forwarded-For", "198.51.100.7") }
	for _, tt := range []struct {
		who, method, path string
		kind              security.Kind
	}{
		{"", "GET", "/history", security.KindUnauthenticated},
		{"bad", "GET", "/report/" + job, security.KindUnauthenticated},
		{"bob member", "GET", "/status/" + job, security.KindForeignJob},
		{"bob member", "GET", "/report/" + job, security.KindForeignJob},
		{"bob member", "POST", "/cancel/" + job, security.KindForeignJob},
		{"bob member", "GET", "/status/" + events.NewJobID(), security.KindNotFound},
		{"bob member", "GET", "/status/8001015009087", security.KindNotFound},
		{"bob member", "DELETE", "/webhooks/wh-1", security.KindNotFound},
		{"bob member", "GET", "/nothing/8001015009087", ""},
		{"alice national_admin", "GET", "/status/" + job, ""},
	} {
		if tt.kind != "" {
			want[tt.kind]++
		}
		r.Do(tt.who, tt.method, tt.path, nil, "", via)
		if got := watch.Stats().Refused[security.FaceREST]; got[tt.kind] != want[tt.kind] {
			t.Errorf("%s %s of %q: %v, want %v", tt.method, tt.path, tt.who, got, want)
		}
	}
	roll := apitest.Workbook(t, []string{"ID Number"}, []string{"9001010001088"})
	if a := r.SendForm("alice national_admin", "file", roll); a.Status != http.StatusTooManyRequests {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if got := watch.Stats().Refused[security.FaceREST][security.KindTooMany]; got != 1 {
		t.Errorf("too_many counted %d times", got)
	}
	var lines []string
	for line := range strings.Lines(r.Logs.String()) {
		if strings.Contains(line, "log=security") {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "")
	for _, says := range []string{
		`event=foreign_job face=rest code=not_found route="GET /api/v1/bulk-upload/report/{jobId}" user=bob role=member ` +
			`from=198.51.100.7 job=` + job,
		"event=unauthenticated", "event=too_many face=rest code=too_many_uploads",
	} {
		if !strings.Contains(text, says) {
			t.Errorf("no %s in\n%s", says, text)
		}
	}
	if strings.Contains(text, "8001015009087") || strings.Contains(text, "wh-1") || len(lines) != 9 {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
}

func TestRefusedPartsOfUploadsAreWatched(t *testing.T) {
	var watch *security.Watch
	r := newRig(t, func(c *apitest.Config) {
		watch = security.New(security.Config{Logger: c.API.Logger})
		c.API.Watch, c.Upload.UserJobs = watch, 1
	})
	r.Upload("alice national_admin")
	begin := func(h http.Header) { h.Set("Tus-Resumable", "1.0.0"); h.Set("Upload-Length", "100") }
	if a := r.Do("alice national_admin", http.MethodPost, "/tus", nil, "", begin); a.Status != http.StatusTooManyRequests {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if got := watch.Stats().Refused[security.FaceREST][security.KindTooMany]; got != 1 {
		t.Errorf("counted %d times", got)
	}
}
