package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rollcall.example/services/postgres"
)

// killChild kills a child with SIGKILL and waits until it has ended.
func killChild(t *testing.T, child *exec.Cmd) {
	t.Helper()
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
}

// startChild starts a server in a child process and returns the first line that it
// prints.
func startChild(t *testing.T, dir string, env ...string) (child *exec.Cmd, line string) {
	t.Helper()
	child = exec.Command(os.Args[0])
	child.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill() // it may have ended
		_ = child.Wait()         // it was killed
	})
	if line, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("child says %q, %v", line, err)
	}
	return child, strings.TrimSpace(line)
}

func TestServerOfAKilledProcessIsReplaced(t *testing.T) {
	dir := t.TempDir()
	child, url := startChild(t, dir)
	if !strings.HasPrefix(url, "host=") {
		t.Fatal(url)
	}
	execSQL(t, url, "CREATE TABLE t AS SELECT 1 AS a")
	killChild(t, child)
	s := start(t, dir) // at once, whether or not the old server has stopped
	if n := querySQL(t, s.URL(), "SELECT count(*) FROM t"); n != "1" {
		t.Fatalf("%s rows", n)
	}
	checkRemoved(t, socketFolder(t, url))
}

func TestStartStopsAnOrphan(t *testing.T) {
	dir := t.TempDir()
	child, url := startChild(t, dir)
	execSQL(t, url, "CREATE TABLE t AS SELECT 1 AS a")
	pid, err := strconv.Atoi(postmasterPID(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	// A stopped server cannot end when its process is killed.
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	killChild(t, child)
	found := make(chan struct{})
	go func() {
		<-found
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	s, err := postgres.Start(t.Context(), postgres.Config{Dir: dir, Logger: slog.New(&logWaiter{
		Handler: slog.DiscardHandler, message: "stopping an orphaned PostgreSQL server",
		done: found})})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	if n := querySQL(t, s.URL(), "SELECT count(*) FROM t"); n != "1" {
		t.Fatalf("%s rows", n)
	}
	if now := postmasterPID(t, dir); now == strconv.Itoa(pid) {
		t.Errorf("process %s still runs", now)
	}
}

// logWaiter is a log handler that closes done when message is logged.
type logWaiter struct {
	slog.Handler
	message string
	done    chan struct{}
}

func (h *logWaiter) Enabled(context.Context, slog.Level) bool { return true }

func (h *logWaiter) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.message {
		close(h.done)
	}
	return nil
}

func TestStalePIDFileDoesNotPreventAStart(t *testing.T) {
	// A living process that is no server. PostgreSQL alone would refuse to start while
	// a process of its own user has that ID.
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the other process was killed: %v", err)
		}
		_ = other.Process.Kill() // it may have ended
		_ = other.Wait()         // it was killed
	}()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	for name, first := range map[string]string{
		"dead": strconv.Itoa(dead.Process.Pid), "of another process": strconv.Itoa(other.Process.Pid),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stop(t, start(t, dir))
			text := fmt.Sprintf("%s\n%s/data\n1700000000\n5432\n\n\n0 0\nready\n", first, dir)
			file := filepath.Join(dir, "data", "postmaster.pid")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			start(t, dir)
			if pid := postmasterPID(t, dir); pid == first || pid == "" {
				t.Errorf("postmaster.pid says %q", pid)
			}
		})
	}
}
