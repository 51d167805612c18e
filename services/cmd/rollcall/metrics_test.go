package main

import (
	"bufio"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// families are the metrics of a scrape, by name.
type families map[string]*dto.MetricFamily

func scrape(t *testing.T, addr string) families {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", resp.StatusCode, err)
	}
	return found
}

// value returns the sum of a metric over all series with the given labels, which come in
// pairs. Of a histogram, it is the count.
func (f families) value(name string, labels ...string) (sum float64) {
	for _, m := range f[name].GetMetric() {
		matches := 0
		for i := 0; i < len(labels); i += 2 {
			for _, l := range m.GetLabel() {
				if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
					matches++
				}
			}
		}
		if 2*matches == len(labels) {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// documentedMetrics returns the metrics of the table in the README, with their types and
// labels.
func documentedMetrics(t *testing.T) map[string][2]string {
	t.Helper()
	f, err := os.Open("../../metrics/README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string][2]string{}
	row := regexp.MustCompile("^\\| `(rollcall_[a-z_]+)` \\| (\\w+) \\| (.*?)\\|")
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := row.FindStringSubmatch(lines.Text()); m != nil {
			list[m[1]] = [2]string{m[2], strings.Trim(m[3], " ")}
		}
	}
	return list
}

func TestMetricsOfAKnownJob(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	p := startUp(t, t.TempDir(), "--metrics-addr", addr)
	alice := token(t, "alice", "member")
	jobID, _ := uploadAndWatch(t, p.url(), p.url(), alice)
	ws, _, err := websocket.Dial(t.Context(), p.url()+"/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + alice}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if _, _, err := websocket.Dial(t.Context(), p.url()+"/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer x"}}}); err == nil {
		t.Fatal("a bad token is let in")
	}
	mustRun(t, "report", jobID, "-o", t.TempDir()+"/r.xlsx", "--server", p.url(), "--token", alice)
	mustRun(t, "report", jobID, "--rejects", "-o", t.TempDir()+"/r.xlsx", "--server", p.url(), "--token", alice)
	mustRun(t, "rows", jobID, "--server", p.url(), "--token", alice)

	var f families
	eventstest.Wait(t, "all to be settled", func() bool {
		f = scrape(t, addr)
		return f.value("rollcall_consumer_ack_pending") == 0 && f.value("rollcall_stage_jobs") == 0 &&
			f.value("rollcall_jobs", "status", "completed", "stage", "report_generation") == 1
	})
	for _, want := range []struct {
		value  float64
		name   string
		labels []string
	}{
		{1, "rollcall_jobs", nil},
		{4, "rollcall_stage_attempts_total", nil},
		{1, "rollcall_stage_attempts_total", []string{"stage", "iec", "end", "done"}},
		{1, "rollcall_stage_seconds", []string{"stage", "persistence"}},
		{500, "rollcall_stage_rows_total", []string{"stage", "validation"}},
		{500, "rollcall_stage_rows_total", []string{"stage", "report"}},
		{0, "rollcall_stage_quiet_seconds", nil},
		{0, "rollcall_stage_redeliveries_total", nil},
		{0, "rollcall_consumer_pending", nil},
		{0, "rollcall_consumer_redelivered", nil},
		{10000, "rollcall_iec_quota_limit", nil},
		{0, "rollcall_iec_call_seconds", []string{"result", "unavailable"}},
		{1, "rollcall_refusals_total", nil},
		{1, "rollcall_refusals_total", []string{"face", "websocket", "kind", "unauthenticated"}},
		{1, "rollcall_refusals_most_of_an_address", nil},
		{1, "rollcall_reads_total", []string{"what", "report"}},
		{3, "rollcall_reads_most_of_a_user", nil},
		{0, "rollcall_security_log_suppressed_total", nil},
		{f.value("rollcall_stage_rows_total", "stage", "iec"), "rollcall_iec_verdicts_total", nil},
		{f.value("rollcall_iec_call_seconds", "result", "answered"), "rollcall_iec_verdicts_total",
			[]string{"source", "asked"}},
		{f.value("rollcall_iec_call_seconds"), "rollcall_iec_quota_used", nil},
		{10000 - f.value("rollcall_iec_quota_used"), "rollcall_iec_quota_remaining", nil},
		// Stages write artifacts and the next ones read them; alice reads both workbooks and
		// the index of the rows, too.
		{2 * f.value("rollcall_artifact_bytes_total", "bucket", "UPLOADS", "direction", "written"),
			"rollcall_artifact_bytes_total", []string{"bucket", "UPLOADS"}},
		{2 * f.value("rollcall_artifact_bytes_total", "bucket", "REPORTS", "direction", "written"),
			"rollcall_artifact_bytes_total", []string{"bucket", "REPORTS"}},
		{1, "rollcall_gateway_connections", nil},
		{0, "rollcall_gateway_subscriptions", nil},
		{5, "rollcall_gateway_fanout_seconds", nil},
		{0, "rollcall_gateway_frames_dropped_total", nil},
		{1, "rollcall_gateway_refused_total", nil},
		{1, "rollcall_gateway_refused_total", []string{"reason", "token"}},
		{4 * 16, "go_sql_max_open_connections", nil},
	} {
		if got := f.value(want.name, want.labels...); got != want.value {
			t.Errorf("%s %v is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	for _, name := range []string{"rollcall_iec_call_seconds", "rollcall_artifact_bytes_total",
		"rollcall_gateway_frames_sent_total"} {
		if f.value(name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	if n, ok := float64(len(f["rollcall_check_ok"].GetMetric())), f.value("rollcall_check_ok"); n < 12 || ok != n {
		t.Errorf("%v of %v checks hold", ok, n)
	}
	if n := len(f["rollcall_consumer_pending"].GetMetric()); n != len(events.Stages)+3 {
		t.Errorf("%d consumers", n)
	}
	checkDocumented(t, f)
}

// checkDocumented compares a scrape with the README, in both directions, and checks that no
// label names a person.
func checkDocumented(t *testing.T, f families) {
	t.Helper()
	table := documentedMetrics(t)
	for name := range table {
		if f[name] == nil {
			t.Errorf("%s is documented and not there", name)
		}
	}
	for name, family := range f {
		row, ok := table[name]
		if !strings.HasPrefix(name, "rollcall_") {
			continue
		}
		if kind := strings.ToLower(family.GetType().String()); !ok || row[0] != kind {
			t.Errorf("%s is a %s, documented as %v", name, kind, row)
		}
		for _, m := range family.GetMetric() {
			var names []string
			for _, l := range m.GetLabel() {
				names = append(names, "`"+l.GetName()+"`")
				if jobIDs.MatchString(l.GetValue()) || strings.Contains(l.GetValue(), "alice") ||
					idNumbers.MatchString(l.GetValue()) {
					t.Errorf("%s has %s=%s", name, l.GetName(), l.GetValue())
				}
			}
			want := strings.Split(row[1], ", ")
			slices.Sort(want)
			if slices.Sort(names); strings.Join(names, " ") != strings.Join(want, " ") {
				t.Errorf("%s has labels %v, documented are %v", name, names, want)
			}
		}
	}
}
