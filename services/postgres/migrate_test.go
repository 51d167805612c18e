package postgres_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"rollcall.example/services/postgres"
)

func open(t *testing.T, url string) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestManyProcessesMigrateAtOnce(t *testing.T) {
	s := start(t, t.TempDir())
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		db := open(t, s.URL())
		wg.Go(func() {
			<-begin
			if err := postgres.Migrate(t.Context(), db); err != nil {
				t.Error(err)
			}
			if err := postgres.Ready(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
	if n := querySQL(t, s.URL(), "SELECT count(*) - count(DISTINCT version_id) FROM goose_db_version"); n != "0" {
		t.Errorf("%s migrations ran twice", n)
	}
}

func TestReadyNamesWhatIsMissing(t *testing.T) {
	s := start(t, t.TempDir())
	db := open(t, s.URL())
	if err := postgres.Ready(t.Context(), db); err == nil || !strings.Contains(err.Error(), "rollcall migrate") {
		t.Errorf("before migrating: %v", err)
	}
	stop(t, s)
	if err := postgres.Ready(t.Context(), db); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("without a server: %v", err)
	}
}

func TestOpenTakesURLAndKeyValue(t *testing.T) {
	s := start(t, t.TempDir())
	_, rest, _ := strings.Cut(s.URL(), "password=")
	password, _, _ := strings.Cut(rest, " ")
	for name, url := range map[string]string{
		"key=value": s.URL(),
		"URL": "postgres://rollcall:" + password + "@/rollcall?sslmode=disable&port=5432&host=" +
			socketFolder(t, s.URL()),
	} {
		if got := querySQL(t, url, "SELECT current_database()"); got != "rollcall" {
			t.Errorf("%s: database %q", name, got)
		}
	}
	if _, err := postgres.Open(t.Context(), "host="+t.TempDir()+" port=5432"); err == nil ||
		!strings.Contains(err.Error(), "open database") {
		t.Errorf("without a server: %v", err)
	}
}
