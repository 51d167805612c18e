package security

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// watching is a Watch with a clock and a log.
type watching struct {
	*Watch
	t   *testing.T
	now time.Time
	log bytes.Buffer
}

func newWatching(t *testing.T, cfg Config) *watching {
	w := &watching{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	cfg.Logger = slog.New(events.NewLogHandler(slog.NewJSONHandler(&w.log, nil)))
	cfg.Now = func() time.Time { return w.now }
	w.Watch = New(cfg)
	return w
}

// lines returns what was logged since the last call.
func (w *watching) lines() (list []map[string]any) {
	w.t.Helper()
	for line := range strings.Lines(w.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, fields)
	}
	w.log.Reset()
	return list
}

func TestRefusalsAreCountedAndLogged(t *testing.T) {
	w := newWatching(t, Config{})
	job := events.NewJobID()
	w.Refused(t.Context(), Refusal{Face: FaceREST, Kind: KindForeignJob, Code: "not_found",
		Route: "GET /report/{jobId}", User: events.User{ID: "bob", Role: "member"}, Address: "203.0.113.9", JobID: job})
	w.Refused(t.Context(), Refusal{Face: FaceWebSocket, Kind: KindNotFound, Code: "not_found",
		User: events.User{ID: "8001015009087"}, JobID: "8001015009087"})
	w.Refused(t.Context(), Refusal{Face: FaceREST, Code: "bad_request"}) // is a sign of nothing
	lines := w.lines()
	if len(lines) != 2 {
		t.Fatalf("%v", lines)
	}
	for key, want := range map[string]string{
		"log": "security", "event": "foreign_job", "face": "rest", "code": "not_found", "route": "GET /report/{jobId}",
		"user": "bob", "role": "member", "from": "203.0.113.9", "job": job, "level": "WARN",
	} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %s", key, lines[0][key], want)
		}
	}
	if text := fmt.Sprint(lines[1]); strings.Contains(text, "8001015009087") || lines[1]["job"] != nil {
		t.Errorf("%v", lines[1])
	}
	s := w.Stats()
	if s.Refused[FaceREST][KindForeignJob] != 1 || s.Refused[FaceWebSocket][KindNotFound] != 1 ||
		s.Refused[FaceSocketIO][KindTooMany] != 0 || w.MostRefusals() != 1 || len(s.Refused) != 3 {
		t.Errorf("%+v", s)
	}
	var none *Watch
	none.Refused(t.Context(), Refusal{Face: FaceREST, Kind: KindForbidden})
	none.Read(t.Context(), events.Access{})
	if none.Stats().Suppressed != 0 {
		t.Error("a nil Watch counts")
	}
}

// Whatever a request is made of, its line is one line.
func TestALogLineIsOneLine(t *testing.T) {
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		w := New(Config{Logger: slog.New(events.NewLogHandler(handler(&b)))})
		const forged = "x\nlevel=ERROR msg=\"all is lost\"\r\u2028\x1b[2J"
		w.Refused(t.Context(), Refusal{Face: FaceREST, Kind: KindForbidden, Code: forged, Route: forged,
			User: events.User{ID: forged, Role: forged}, Address: forged, JobID: forged})
		if text := b.String(); strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\r\x1b") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// A flood is counted, but neither fills the disk nor hides what others do.
func TestAFloodDoesNotFillTheLog(t *testing.T) {
	w := newWatching(t, Config{})
	const flood = 100_000
	for i := range flood {
		w.Refused(t.Context(), Refusal{Face: FaceREST, Kind: KindUnauthenticated,
			Address: fmt.Sprintf("2001:db8::%x:%x", i>>16, i&0xffff)})
	}
	w.Refused(t.Context(), Refusal{Face: FaceREST, Kind: KindForeignJob, Address: "203.0.113.9"})
	lines := w.lines()
	if len(lines) != DefaultAddressLines+1 || lines[len(lines)-1]["event"] != "foreign_job" {
		t.Errorf("%d lines, the last %v", len(lines), lines[len(lines)-1])
	}
	s := w.Stats()
	if s.Refused[FaceREST][KindUnauthenticated] != flood || s.Suppressed != flood-DefaultAddressLines ||
		w.MostRefusals() != flood {
		t.Errorf("%+v", s)
	}
	for i := range flood {
		w.Refused(t.Context(), Refusal{Face: FaceREST, Kind: KindForbidden,
			Address: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)})
	}
	if n := len(w.lines()); n != DefaultLines-DefaultAddressLines-1 {
		t.Errorf("%d lines of many addresses", n)
	}
	if len(w.refusals.now) > maxNames || len(w.byLine) > DefaultLines {
		t.Errorf("%d and %d addresses in memory", len(w.refusals.now), len(w.byLine))
	}
	w.now = w.now.Add(time.Minute)
	w.Refused(t.Context(), Refusal{Face: FaceREST, Kind: KindForbidden, Address: "203.0.113.9"})
	lines = w.lines()
	if len(lines) != 2 || lines[0]["event"] != "suppressed" || lines[0]["count"] != float64(2*flood-DefaultLines+1) {
		t.Errorf("the next minute: %v", lines)
	}
	w.now = w.now.Add(2 * refusalWindow)
	if n := w.MostRefusals(); n != 0 {
		t.Errorf("%d refusals long after", n)
	}
}

func TestWhoReadsMuchIsLogged(t *testing.T) {
	w := newWatching(t, Config{})
	read := func(user string, times int) {
		for range times {
			w.Read(t.Context(), events.Access{What: events.AccessReport, By: events.User{ID: user}, From: "203.0.113.9"})
		}
	}
	read("alice", 99)
	read("bob", 99)
	if lines := w.lines(); len(lines) != 0 {
		t.Errorf("%v", lines)
	}
	w.now = w.now.Add(readWindow) // the last ones still count
	read("alice", 301)
	lines := w.lines()
	if len(lines) != 3 || lines[0]["event"] != "mass_reading" || lines[0]["user"] != "alice" || lines[2]["reads"] != 400. {
		t.Errorf("%v", lines)
	}
	if s := w.Stats(); w.MostReads() != 400 || s.Reads[events.AccessReport] != 499 || s.Reads[events.AccessRow] != 0 {
		t.Errorf("%+v", s)
	}
	w.now = w.now.Add(2 * readWindow)
	if n := w.MostReads(); n != 0 {
		t.Errorf("%d readings long after", n)
	}
}

func TestKindOfRefusals(t *testing.T) {
	for code, want := range map[string]Kind{
		refusal.CodeUnauthenticated: KindUnauthenticated, refusal.CodeForbidden: KindForbidden,
		refusal.CodeNotFound: KindNotFound, refusal.CodeTooManyUploads: KindTooMany,
		refusal.CodeTooManyConnections: KindTooMany, refusal.CodeTooLarge: KindBadFile,
		refusal.CodeFileTooLarge: KindBadFile, refusal.CodeUnreadable: KindBadFile,
		refusal.CodeBadRequest: "", refusal.CodeUnavailable: "",
	} {
		if got := KindOf(refusal.New(code, "")); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
	foreign, missing := refusal.Foreign(), refusal.NotFound()
	if KindOf(foreign) != KindForeignJob || foreign.Status() != missing.Status() || foreign.Frame() != missing.Frame() {
		t.Error("a foreign job is told apart by the user, or not by the log")
	}
}

func TestClientAddressBelievesTrustedProxiesOnly(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	for _, tt := range []struct{ remote, passed, want string }{
		{"203.0.113.9:1", "", "203.0.113.9"},
		{"203.0.113.9:1", "198.51.100.1", "203.0.113.9"}, // the client says so itself
		{"10.0.0.5:1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.5:1", "1.2.3.4, 198.51.100.1, 10.1.1.1", "198.51.100.1"},
		{"10.0.0.5:1", "", "10.0.0.5"},
		{"10.0.0.5:1", "nonsense", "10.0.0.5"},
		{"10.0.0.5:1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"[2001:db8::1]:1", "1.2.3.4", "2001:db8::1"},
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.RemoteAddr = tt.remote
		if tt.passed != "" {
			req.Header.Set("X-Forwarded-For", tt.passed)
		}
		if got := ClientAddress(req, proxies); got != tt.want {
			t.Errorf("%s via %q: %s, want %s", tt.remote, tt.passed, got, tt.want)
		}
	}
}
