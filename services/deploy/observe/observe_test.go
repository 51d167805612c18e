// Package observe tests the files for Prometheus and Grafana.
package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// ruleFile is a file of Prometheus rules.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Record, Alert, Expr string
			Annotations         map[string]string
		}
	}
}

func rules(t *testing.T) (f ruleFile) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, "rules.yml"), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// panels returns the expressions of the dashboard's panels by title.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	var d struct {
		Panels []struct {
			ID          int
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "dashboard.json"), &d); err != nil {
		t.Fatal(err)
	}
	list, ids := map[string][]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q has no title or the ID of another", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			list[p.Title] = append(list[p.Title], strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
		}
		if p.Type != "row" && len(list[p.Title]) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
	}
	return list
}

var names = regexp.MustCompile(`\b(?:rollcall|go|process)[_:][a-z0-9_:]+`)

// standard are the metrics of Prometheus's own collectors that the files may use.
var standard = map[string]bool{
	"go_sql_in_use_connections": true, "go_sql_idle_connections": true, "go_sql_max_open_connections": true,
	"process_resident_memory_bytes": true, "process_cpu_seconds_total": true,
}

func TestEveryMetricIsDocumented(t *testing.T) {
	known := map[string]bool{}
	for name := range standard {
		known[name] = true
	}
	row := regexp.MustCompile("(?m)^\\| `(rollcall_[a-z_]+)` \\| (\\w+)")
	for _, m := range row.FindAllStringSubmatch(string(read(t, "../../metrics/README.md")), -1) {
		known[m[1]] = true
		if m[2] == "histogram" {
			delete(known, m[1])
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				known[m[1]+part] = true
			}
		}
	}
	if len(known) < 25 {
		t.Fatalf("only %d metrics are documented", len(known))
	}
	exprs := panels(t)
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				known[r.Record] = true
			}
			exprs[r.Record+r.Alert] = append(exprs[r.Record+r.Alert], r.Expr)
		}
	}
	used := 0
	for where, list := range exprs {
		for _, expr := range list {
			// A quoted text is the value of a label.
			for _, name := range names.FindAllString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(expr, ""), -1) {
				used++
				if !known[name] {
					t.Errorf("%s uses %s, which is not documented", where, name)
				}
			}
		}
	}
	if used < 40 {
		t.Errorf("only %d names found", used)
	}
}

func TestEachAlertSaysWhatToDoAndIsTested(t *testing.T) {
	tests := string(read(t, "rules_test.yml"))
	alerts := 0
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			alerts++
			if r.Annotations["summary"] == "" || r.Annotations["mend"] == "" {
				t.Errorf("%s has no summary or does not say what to do", r.Alert)
			}
			silent := fmt.Sprintf(`alertname="%s", alertstate="firing"}', eval_time: `, r.Alert)
			fires := fmt.Sprintf(`exp_samples: [{ labels: 'ALERTS{alertname="%s"`, r.Alert)
			if strings.Count(tests, silent) < 2 || !strings.Contains(tests, fires) {
				t.Errorf("%s is not tested both ways", r.Alert)
			}
		}
	}
	if alerts < 10 {
		t.Errorf("%d alerts", alerts)
	}
}

// promtool checks the rules, runs their tests and parses the expressions of the
// dashboard.
func TestPromtoolAcceptsAllFiles(t *testing.T) {
	asked := map[string]any{}
	var list []map[string]string
	for _, exprs := range panels(t) {
		for _, expr := range exprs {
			list = append(list, map[string]string{"record": fmt.Sprintf("dashboard:%d", len(list)), "expr": expr})
		}
	}
	asked["groups"] = []any{map[string]any{"name": "dashboard", "rules": list}}
	text, err := yaml.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	dashboard := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(dashboard, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "rules", "rules.yml"},
		{"test", "rules", "rules_test.yml"},
		{"check", "config", "prometheus.yml"},
		{"check", "rules", "--lint=none", dashboard},
	} {
		if out, err := exec.Command(promtool(t), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func promtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	path, err := filepath.Abs("../../../bin/promtool")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatal("this test needs promtool: run `go tool task promtool`")
	}
	return path
}
