package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/services/postgres"
)

func startUp(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	p := rollcall(t, nil, append([]string{"up", "--addr", "127.0.0.1:0", "--data", dir, "--jwt-secret", secret},
		args...)...)
	p.waitHealthy()
	return p
}

func TestUpTurnsARollIntoAReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startUp(t, dir)
	if first, _, _ := strings.Cut(p.err.String(), "\n"); !strings.Contains(first, "rollcall starts") ||
		!strings.Contains(first, "go="+thisBuild().Go) {
		t.Errorf("the log begins with %q", first)
	}
	alice := token(t, "alice", "member")
	jobID, shown := uploadAndWatch(t, p.url(), p.url(), alice)
	if !strings.Contains(shown, "100%  completed") || !strings.Contains(shown, "IEC verification") {
		t.Errorf("shown while watching:\n%s", shown)
	}

	report := filepath.Join(t.TempDir(), "r.xlsx")
	mustRun(t, "report", jobID, "-o", report, "--server", p.url(), "--token", alice)
	book, err := xlsx.OpenFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if s := book.Sheet["All Uploaded Rows"]; s == nil || s.MaxRow != 501 {
		t.Errorf("sheet of all rows: %+v", s)
	}

	history := mustRun(t, "history", jobID, "--server", p.url(), "--token", alice)
	if n := strings.Count(history, "\n"); n != 5 {
		t.Errorf("%d events, want uploaded, validated, verified, persisted, reported:\n%s", n, history)
	}
	if list := mustRun(t, "jobs", "--server", p.url(), "--token", alice); !strings.Contains(list, jobID) ||
		!strings.Contains(list, "completed") {
		t.Errorf("jobs:\n%s", list)
	}
	// The same file again changes nobody.
	_, shown = uploadAndWatch(t, p.url(), p.url(), alice)
	if !strings.Contains(shown, " 0 inserted, 0 updated") {
		t.Errorf("the same file again:\n%s", shown)
	}
	// Nobody else sees the job.
	bob := token(t, "bob", "member")
	if out, err := runCommand(t, "watch", jobID, "--server", p.url(), "--token", bob); err == nil {
		t.Errorf("bob watches alice's job:\n%s", out)
	}
	if out := mustRun(t, "jobs", "--server", p.url(), "--token", bob); strings.Contains(out, jobID) {
		t.Errorf("bob lists alice's job:\n%s", out)
	}
	checkRoles(t, dir)
	p.stop(syscall.SIGTERM)
	if p.exit != nil {
		t.Errorf("after SIGTERM: %v", p.exit)
	}
}

// checkRoles checks who is connected to the private database of a data folder, and that each
// role has its rights and no more.
func checkRoles(t *testing.T, dir string) {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, "postgres", name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	db, err := postgres.Open(t.Context(),
		fmt.Sprintf("host=%s port=5432 user=rollcall password=%s dbname=rollcall sslmode=disable", read("socket"),
			read("password")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var users, want []string
	const connected = `SELECT DISTINCT usename FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY 1`
	if err := db.Select(&users, connected); err != nil {
		t.Fatal(err)
	}
	for _, service := range postgres.RoleServices() {
		want = append(want, postgres.Role(service))
		if exists, wrong, err := postgres.CheckRights(t.Context(), db, service); !exists || wrong != nil || err != nil {
			t.Errorf("role of %s: exists %v, %v, %v", service, exists, wrong, err)
		}
		if info, err := os.Stat(filepath.Join(dir, "database-password-"+service)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("password of %s: %v, %v", service, info, err)
		}
	}
	if !slices.Equal(users, want) {
		t.Errorf("connected are %v, want %v", users, want)
	}
}

func TestUpContinuesAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alice := token(t, "alice", "member")
	p := startUp(t, dir)
	out := mustRun(t, "upload", sampleFile(t), "--server", p.url(), "--token", alice)
	jobID := jobIDs.FindString(out)
	p.stop(syscall.SIGKILL) // in the middle of it
	p = startUp(t, dir)
	shown := mustRun(t, "watch", jobID, "--server", p.url(), "--token", alice)
	if !strings.Contains(shown, "completed") {
		t.Fatalf("after being killed:\n%s", shown)
	}
	history := mustRun(t, "history", jobID, "--server", p.url(), "--token", alice)
	if n := strings.Count(history, "\n"); n != 5 {
		t.Errorf("%d events:\n%s", n, history)
	}
}

func TestDataFolderIsLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	second := rollcall(t, nil, "up", "--addr", "127.0.0.1:0", "--data", dir)
	<-second.done
	if second.exit == nil || !strings.Contains(second.err.String(), "in use by another rollcall") {
		t.Fatalf("%v: %s", second.exit, second.err)
	}
}

// The NATS CLI commands of docs/events.md work on a real job.
func TestNATSCLICommandsOfTheDocs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startUp(t, dir)
	jobID, _ := uploadAndWatch(t, p.url(), p.url(), token(t, "alice", "member"))
	cli := buildNATSCLI(t)
	want := map[string][]string{
		"sub":             {"bulk." + jobID + ".uploaded", "bulk." + jobID + ".reported", `"database_stats"`},
		"stream subjects": {"bulk." + jobID + ".validated"},
		"stream get":      {`"file_name":"roll-500.xlsx"`},
		"stream report":   {"BULK", "BULK_PROGRESS"},
		"consumer report": {"validation", "iec", "persistence", "report", "projection"},
		"object ls":       {},
	}
	seen := map[string]bool{}
	for _, line := range commandsOf(t, "bin/nats ") {
		line = strings.ReplaceAll(line, "JOB", jobID)
		file := "nats-cli.env"
		if strings.Contains(line, "REPORTS") { // the operator sees no artifacts
			file = "investigator.env"
		}
		script := fmt.Sprintf(". %s/%s && exec %s %s", dir, file, cli, line)
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("nats %s: %v\n%s", line, err, out)
			continue
		}
		for what, texts := range want {
			if !strings.HasPrefix(line, what) {
				continue
			}
			seen[what] = true
			for _, text := range texts {
				if !bytes.Contains(out, []byte(text)) {
					t.Errorf("nats %s does not show %s:\n%s", line, text, out)
				}
			}
		}
		if strings.HasSuffix(line, "object ls") && !bytes.Contains(out, []byte("REPORTS")) {
			t.Errorf("nats %s:\n%s", line, out)
		}
		if found := idNumbers.Find(out); found != nil {
			t.Errorf("nats %s shows an ID number", line)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("docs/events.md gives only %v", seen)
	}
}

// buildNATSCLI builds the NATS CLI as `go tool task nats` does, and returns its path. Its module
// is outside of the workspace.
func buildNATSCLI(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats")
	cmd := exec.Command("go", "build", "-C", "../../../tools/nats", "-o", path, "github.com/nats-io/natscli/nats")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the NATS CLI: %v\n%s", err, out)
	}
	return path
}

func TestHealthAndWebSocketsAreServed(t *testing.T) {
	p := startUp(t, t.TempDir())
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/healthz": 200,
		// This is no request for a WebSocket; Socket.IO may poll, but not as clients of its old versions do.
		"/ws": http.StatusUpgradeRequired, "/socket.io/?EIO=4&transport=polling": http.StatusOK,
		"/socket.io/?EIO=3&transport=polling": http.StatusBadRequest} {
		resp, err := http.Get(p.url() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
