package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// childDir makes this binary a child process that starts a server in the folder and
// waits to be killed.
const childDir = "POSTGRES_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := prepareChild(); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		s, err := postgres.Start(context.Background(), postgres.Config{Dir: dir})
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		fmt.Println(s.URL())
		<-s.Done()
		os.Exit(2)
	}
	postgrestest.Main(m)
}

func start(t *testing.T, dir string) *postgres.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	s, err := postgres.Start(ctx, postgres.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("started in", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *postgres.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
}

func execSQL(t *testing.T, url, statement string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// querySQL returns the one value of a query, as text.
func querySQL(t *testing.T, url, query string) (text string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Get(&text, query); err != nil {
		t.Fatal(err)
	}
	return text
}

// postmasterPID returns the process ID in the server's PID file, "" without a file.
func postmasterPID(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	return pid
}

func socketFolder(t *testing.T, url string) string {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "host="), " ")
	if !strings.HasPrefix(host, "/tmp/rollcall-pg-") {
		t.Fatalf("socket folder %q", host)
	}
	return host
}

func checkRemoved(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", path, err)
	}
}
