package postgres_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall.example/services/postgres"
)

func TestDataSurvivesARestart(t *testing.T) {
	t.Setenv("PGPORT", "1") // the server ignores the environment
	dir := filepath.Join(t.TempDir(), strings.Repeat("a deep folder/", 10), "pg")
	s := start(t, dir)
	execSQL(t, s.URL(), "CREATE TABLE t AS SELECT 1 AS a")
	stop(t, s)
	stop(t, s) // does nothing
	if err := s.Err(); err != nil {
		t.Errorf("after Stop: %v", err)
	}
	checkRemoved(t, socketFolder(t, s.URL()))

	s = start(t, dir)
	if n := querySQL(t, s.URL(), "SELECT count(*) FROM t"); n != "1" {
		t.Fatalf("%s rows", n)
	}
}

func TestServerSettings(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	for name, want := range map[string]string{
		"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"data_checksums": "on", "server_encoding": "UTF8", "password_encryption": "scram-sha-256",
	} {
		if got := querySQL(t, s.URL(), "SHOW "+name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if info, err := os.Stat(socketFolder(t, s.URL())); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("socket folder: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "password")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password: %v, %v", info, err)
	}
	if _, err := postgres.Open(t.Context(), strings.Replace(s.URL(), "password=", "password=x", 1)); err == nil {
		t.Error("a wrong password is accepted")
	}
}

func TestOneProcessPerFolder(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if _, err := postgres.Start(t.Context(), postgres.Config{Dir: dir}); !errors.Is(err, postgres.ErrInUse) {
		t.Fatalf("second start: %v", err)
	}
	if got := querySQL(t, s.URL(), "SELECT 'still there'"); got != "still there" {
		t.Error(got)
	}
}

func TestDoneClosesWhenTheServerDies(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if err := s.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := exec.Command("kill", "-QUIT", postmasterPID(t, dir)).Run(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("Done is still open")
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "immediate shutdown") {
		t.Errorf("err = %v, without the log's last lines", err)
	}
	stop(t, s)
	checkRemoved(t, socketFolder(t, s.URL()))
}

func TestStopForcesAShutdownAfterItsLimit(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	execSQL(t, s.URL(), "CREATE TABLE t AS SELECT 1 AS a")
	// A backend that is stopped with SIGSTOP blocks a fast shutdown.
	db, err := postgres.Open(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var backend int
	if err := db.Get(&backend, "SELECT pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(backend, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	if n := querySQL(t, s.URL(), "SELECT count(*) FROM t"); n != "1" {
		t.Fatalf("%s rows after recovery", n)
	}
}

func TestExistingClusterIsNeverReplaced(t *testing.T) {
	dir := t.TempDir()
	stop(t, start(t, dir))
	password := filepath.Join(dir, "password")
	if err := os.Rename(password, password+".kept"); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Start(t.Context(), postgres.Config{Dir: dir}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without its password: %v", err)
	}
	if err := os.WriteFile(password, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// No time limit is needed: such an answer ends the start at once.
	if _, err := postgres.Start(t.Context(), postgres.Config{Dir: dir}); err == nil ||
		!strings.Contains(err.Error(), "password authentication failed") {
		t.Fatalf("with a wrong password: %v", err)
	}
	if err := os.Rename(password+".kept", password); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestUnfinishedClusterIsReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
	checkRemoved(t, filepath.Join(dir, "data.new"))
}

func TestFailedStartShowsTheLog(t *testing.T) {
	dir := t.TempDir()
	stop(t, start(t, dir))
	conf, err := os.OpenFile(filepath.Join(dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conf.WriteString("no_such_setting = 1\n"); err != nil {
		t.Fatal(err)
	}
	if err := conf.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Start(t.Context(), postgres.Config{Dir: dir}); err == nil ||
		!strings.Contains(err.Error(), `"no_such_setting"`) {
		t.Fatalf("err = %v", err)
	}
}

func TestNoBinaries(t *testing.T) {
	_, err := postgres.Start(t.Context(), postgres.Config{Dir: t.TempDir(), Bin: t.TempDir()})
	if !errors.Is(err, postgres.ErrNoBinaries) {
		t.Fatalf("err = %v", err)
	}
	for _, command := range []string{"sudo apt-get install -y postgresql", "brew install postgresql@16"} {
		if !strings.Contains(err.Error(), command) {
			t.Errorf("%v: does not mention %q", err, command)
		}
	}
}
