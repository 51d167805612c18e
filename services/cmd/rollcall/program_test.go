package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events/access/accesstest"
	"rollcall.example/events/eventstest"
	"rollcall.example/gateway/auth/authtest"
	"rollcall.example/schema"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

const secret = authtest.Secret

// asRollcall makes this test binary the program itself, for tests that start processes.
const asRollcall = "ROLLCALL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asRollcall) != "" {
		main()
		return
	}
	postgrestest.Main(mainWithCleanup{m}, eventstest.IgnoreLeaks()...)
}

// mainWithCleanup runs the tests and removes what they share.
type mainWithCleanup struct{ *testing.M }

func (s mainWithCleanup) Run() int {
	removePolicy, err := usePolicyForMembers()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer removePolicy()
	code := s.M.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := removeBuilt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// usePolicyForMembers lets members upload and write, for tests that are not about roles.
// Programs that tests start find the policy in their environment.
func usePolicyForMembers() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "rollcall-policy-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(file, accesstest.OpenJSON(), 0o600); err != nil {
		return nil, err
	}
	return func() { _ = os.RemoveAll(dir) }, os.Setenv("ROLLCALL_POLICY", file)
}

// syncBuffer collects what a program writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// program is rollcall as a process.
type program struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *syncBuffer
	done     chan struct{}
	exit     error
}

// spawn starts a process that ends with the test. An ID number on its standard error fails
// the test.
func spawn(t *testing.T, env []string, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(name, args...), out: &syncBuffer{}, err: &syncBuffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.err
	p.start(env)
	return p
}

// start starts the process, which ends with the test.
func (p *program) start(env []string) {
	t := p.t
	t.Helper()
	p.cmd.Env = append(os.Environ(), env...)
	p.done = make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.exit = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s\n%s%s", p.cmd, p.out, p.err)
		}
		if found := idNumbers.FindString(p.err.String()); found != "" {
			t.Errorf("an ID number in the log of %s", p.cmd)
		}
	})
}

var idNumbers = regexp.MustCompile(`\b[0-9]{13}\b`)

// stop sends a signal and waits until the process has ended.
func (p *program) stop(sig syscall.Signal) {
	p.t.Helper()
	_ = p.cmd.Process.Signal(sig) // fails when it has ended already
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("%v did not end within 30 s of %s\n%s", p.cmd.Args[1:], sig, p.err)
	}
}

func rollcall(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	if raceDetector {
		return spawn(t, env, build(t, "./services/cmd/rollcall"), args...)
	}
	return spawn(t, append(env, asRollcall+"=1"), os.Args[0], args...)
}

// url waits for the address that a server prints.
func (p *program) url() string {
	p.t.Helper()
	var found string
	p.wait("an address", func() bool {
		found = address.FindString(p.out.String())
		return found != ""
	})
	return found
}

var address = regexp.MustCompile(`https?://127\.0\.0\.1:\d+`)

func (p *program) wait(what string, cond func() bool) {
	p.t.Helper()
	end := time.Now().Add(60 * time.Second)
	for !cond() {
		select {
		case <-p.done:
			p.t.Fatalf("ended before %s: %v\n%s%s", what, p.exit, p.out, p.err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			p.t.Fatalf("waited in vain for %s\n%s%s", what, p.out, p.err)
		}
	}
}

func (p *program) waitHealthy() {
	p.t.Helper()
	url := p.url() + "/healthz"
	p.wait("health", func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// runCommand runs a command in this process and returns its output.
func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out syncBuffer
	err := run(ctx, args, &out, io.Discard, func(string) string { return "" })
	return out.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := runCommand(t, args...)
	if err != nil {
		t.Fatalf("rollcall %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func token(t *testing.T, user, role string) string {
	t.Helper()
	return strings.TrimSpace(mustRun(t, "token", "--user", user, "--role", role, "--secret", secret))
}

func sampleFile(t *testing.T) string {
	t.Helper()
	data, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "roll-500.xlsx")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var jobIDs = regexp.MustCompile(`job-[0-9a-f-]{36}`)

// uploadAndWatch uploads the sample and returns its job once it is complete.
func uploadAndWatch(t *testing.T, server, watchServer, token string) (jobID, shown string) {
	t.Helper()
	out := mustRun(t, "upload", sampleFile(t), "--server", server, "--token", token)
	jobID = jobIDs.FindString(out)
	return jobID, mustRun(t, "watch", jobID, "--server", watchServer, "--token", token)
}

// privateDatabase starts a PostgreSQL without tables that ends with the test, and returns its
// URL.
func privateDatabase(t *testing.T) string {
	t.Helper()
	db, err := postgres.Start(t.Context(), postgres.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := db.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return db.URL()
}

// givenPorts are the ports that freeAddr has returned.
var givenPorts sync.Map

// freeAddr returns an address that a server can leave and take again: its port is none of
// those that the system gives to clients.
func freeAddr(t *testing.T) string {
	t.Helper()
	const low, high = 10_000, 32_000
	for range 1000 {
		port := low + rand.IntN(high-low)
		if _, known := givenPorts.LoadOrStore(port, true); known {
			continue
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // somebody else's
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		return ln.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// builtPrograms are the programs that tests have built, each once.
var builtPrograms struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// build builds a program of the workspace, once, and returns its path.
func build(t *testing.T, pkg string) string {
	t.Helper()
	builtPrograms.Lock()
	defer builtPrograms.Unlock()
	if path, ok := builtPrograms.paths[pkg]; ok {
		return path
	}
	if builtPrograms.dir == "" {
		dir, err := os.MkdirTemp("", "rollcall-built-")
		if err != nil {
			t.Fatal(err)
		}
		builtPrograms.dir, builtPrograms.paths = dir, map[string]string{}
	}
	path := filepath.Join(builtPrograms.dir, filepath.Base(pkg)+fmt.Sprint(len(builtPrograms.paths)))
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, pkg)
	cmd.Dir = "../../.." // the workspace
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	builtPrograms.paths[pkg] = path
	return path
}

func removeBuilt() error {
	builtPrograms.Lock()
	defer builtPrograms.Unlock()
	if builtPrograms.dir == "" {
		return nil
	}
	return os.RemoveAll(builtPrograms.dir)
}

// commandsOf returns the commands in docs/events.md that begin with a prefix.
func commandsOf(t *testing.T, prefix string) []string {
	t.Helper()
	f, err := os.Open("../../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line, ok := strings.CutPrefix(lines.Text(), "    "+prefix); ok {
			list = append(list, strings.TrimSpace(line))
		}
	}
	if len(list) == 0 {
		t.Fatal(errors.New("docs/events.md has no such commands"))
	}
	return list
}
