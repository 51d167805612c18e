package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/auth"
)

// Compiles the TypeScript client and runs its tests against a gateway, which they steer:
// they append facts, cut connections and replace the gateway.
func TestTypeScriptClient(t *testing.T) {
	dir := installTypeScript(t)
	r := start(t)
	steer := &steering{rig: r, jobs: map[string]*events.Job{}, logs: map[events.Stage]*events.Log{}}
	for _, s := range append([]events.Stage{events.StageUpload}, events.Stages...) {
		steer.logs[s] = events.NewLog(eventstest.Connect(t, r.nats, string(s)), s, nil)
	}
	control := httptest.NewServer(steer)
	defer control.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	files, err := filepath.Glob(filepath.Join(dir, "build", "test", "*.test.js"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	// One file at a time, for counting and cutting concern all connections.
	cmd := exec.CommandContext(ctx, "node", append([]string{"--test", "--test-concurrency=1"}, files...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ROLLCALL_URL="+r.url, "ROLLCALL_CONTROL="+control.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
}

// installTypeScript compiles a copy of the package, its tests included.
func installTypeScript(t *testing.T) (dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: go tool task node", tool)
		}
	}
	dir = t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "src",
		"test", "examples"} {
		from, to := filepath.Join("ts", name), filepath.Join(dir, name)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else {
			var text []byte
			if text, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	console, err := filepath.Abs("../console")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"},
		{"npm", "run", "build"},
		{"npm", "exec", "--offline", "--", "tsc"},
		{"npm", "exec", "--offline", "--", "tsc", "-p", console}, // esbuild bundles it without a look at its types
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	return dir
}

// steering does what the tests in TypeScript ask for.
type steering struct {
	*rig
	mu   sync.Mutex
	jobs map[string]*events.Job
	logs map[events.Stage]*events.Log
}

func (s *steering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := s.do(r.URL.Path[1:], r.URL.Query().Get)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprint(w, answer) // the test is gone when this fails
}

func (s *steering) do(what string, query func(string) string) (answer string, err error) {
	job := s.jobs[query("job")]
	if job == nil && (what == "step" || what == "fail" || what == "retry") {
		return "", fmt.Errorf("%s: no such job", what)
	}
	switch what {
	case "job":
		user := query("user")
		if user == "" {
			user = "alice"
		}
		owner := events.User{ID: user, Role: "member"}
		j := eventstest.Upload(s.t, s.logs[events.StageUpload], owner, events.Artifact{}, events.Options{})
		s.jobs[j.ID] = &j
		return j.ID, nil
	case "step":
		for i, stage := range events.Stages {
			if stage == job.Next() {
				eventstest.Append(s.t, s.logs[stage], job, eventstest.Facts(job.ID)[i])
				return "", nil
			}
		}
		return "", nil // the job has ended
	case "fail":
		stage := job.Next()
		eventstest.Append(s.t, s.logs[stage], job,
			&events.Failed{Stage: stage, Code: "x", Message: "m", Attempts: 1, Retryable: query("retryable") == "true"})
		return "", nil
	case "retry":
		eventstest.Append(s.t, s.logs[events.StageUpload], job, &events.Retried{Stage: job.Stage, By: job.Owner})
		return "", nil
	case "replace":
		s.replace()
		return "", nil
	case "cut":
		for _, conn := range s.hijacked.all() {
			_ = conn.Close() // the client may have closed it before
		}
		return "", nil
	case "connections":
		return strconv.Itoa(len(s.hijacked.all())), nil
	case "token":
		seconds, err := strconv.Atoi(query("seconds"))
		if err != nil {
			return "", err
		}
		return auth.Mint(secret, query("user"), "member", time.Duration(seconds)*time.Second, time.Now())
	}
	return "", fmt.Errorf("%q cannot be done", what)
}

// connTracker knows the open connections that became WebSockets.
type connTracker struct {
	net.Listener
	mu   sync.Mutex
	open map[*trackedConn]bool
}

type trackedConn struct {
	net.Conn
	of *connTracker
}

func (c *connTracker) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &trackedConn{Conn: conn, of: c}, nil
}

func (c *connTracker) state(conn net.Conn, state http.ConnState) {
	if w, ok := conn.(*trackedConn); ok && state == http.StateHijacked {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open[w] = true
	}
}

func (c *connTracker) all() (open []net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for w := range c.open {
		open = append(open, w)
	}
	return open
}

func (w *trackedConn) Close() error {
	w.of.mu.Lock()
	delete(w.of.open, w)
	w.of.mu.Unlock()
	return w.Conn.Close()
}
