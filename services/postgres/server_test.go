package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// childDir makes this binary a process that starts a server there and waits to
// be killed.
const childDir = "POSTGRES_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
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
	s, err := postgres.Start(t.Context(), postgres.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
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

func do(t *testing.T, url, statement string) {
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

func count(t *testing.T, url string) (n int) {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Get(&n, "SELECT count(*) FROM t"); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDataOutliveTheServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a deep folder/", 10), "pg")
	s := start(t, dir)
	do(t, s.URL(), "CREATE TABLE t AS SELECT 1 AS a")
	stop(t, s)
	s = start(t, dir)
	if n := count(t, s.URL()); n != 1 {
		t.Fatalf("%d rows", n)
	}
	stop(t, s)
	if left, err := filepath.Glob("/tmp/rollcall-pg-*/.s.PGSQL.5432.lock"); err != nil || len(left) > 0 && !otherServers(left) {
		t.Fatalf("sockets left: %v, %v", left, err)
	}
}

// otherServers says whether sockets belong to processes that live.
func otherServers(locks []string) bool {
	for _, lock := range locks {
		text, err := os.ReadFile(lock)
		if err != nil {
			continue
		}
		if _, err := os.Stat("/proc/" + strings.SplitN(string(text), "\n", 2)[0]); err != nil {
			return false
		}
	}
	return true
}

func TestAServerWhoseProcessWasKilledIsReplaced(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1000)
	n, err := out.Read(buf)
	url := strings.TrimSpace(string(buf[:n]))
	if err != nil || !strings.HasPrefix(url, "host=") {
		t.Fatalf("child says %q, %v", url, err)
	}
	do(t, url, "CREATE TABLE t AS SELECT 1 AS a")
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	s := start(t, dir)
	if n := count(t, s.URL()); n != 1 {
		t.Fatalf("%d rows", n)
	}
	stop(t, s)
}

func TestAServerThatDiesIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	pid, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("kill", "-QUIT", strings.SplitN(string(pid), "\n", 2)[0]).Run(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("not noticed")
	}
	stop(t, s)
}

func TestNoBinaries(t *testing.T) {
	_, err := postgres.Start(t.Context(), postgres.Config{Dir: t.TempDir(), Bin: t.TempDir()})
	if !errors.Is(err, postgres.ErrNoBinaries) || !strings.Contains(err.Error(), "apt-get install") {
		t.Fatalf("err = %v", err)
	}
}

func TestManyMigrateAtOnce(t *testing.T) {
	s := start(t, t.TempDir())
	defer stop(t, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := postgres.Open(context.Background(), s.URL())
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := postgres.Migrate(context.Background(), db); err != nil {
				t.Error(err)
			}
			if err := postgres.Ready(context.Background(), db); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestReadyNamesWhatIsMissing(t *testing.T) {
	s := start(t, t.TempDir())
	db, err := postgres.Open(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := postgres.Ready(t.Context(), db); err == nil || !strings.Contains(err.Error(), "rollcall migrate") {
		t.Errorf("before migrating: %v", err)
	}
	stop(t, s)
	if err := postgres.Ready(t.Context(), db); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("without a server: %v", err)
	}
}

func TestConstraintsRefuse(t *testing.T) {
	db := postgrestest.New(t)
	insert := `INSERT INTO members (id_number, created_at, updated_at, created_by_job, updated_by_job%s) VALUES ('8001015009087', now(), now(), 'j', 'j'%s)`
	for _, bad := range [][2]string{
		{"ward_code", "'7980000'"}, {"vd_code", "'x'"}, {"email", "'nobody'"}, {"age", "400"}, {"date_joined", "'0202-01-01'"},
		{"membership_amount", "-1"}, {"iec_status", "'maybe'"}, {"iec_status", "'registered'"}, {"vd_code", "'22222222'"}, {"verified_at", "now()"},
	} {
		if _, err := db.Exec(fmt.Sprintf(insert, ", "+bad[0], ", "+bad[1])); err == nil {
			t.Errorf("%s = %s was stored", bad[0], bad[1])
		}
	}
	if _, err := db.Exec(fmt.Sprintf(insert, "", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(fmt.Sprintf(insert, "", "")); err == nil {
		t.Error("the same ID number twice")
	}
}
