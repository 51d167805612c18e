package postgres_test

import (
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"

	"rollcall.example/schema"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// Jobs that there are already are in the sums.
func TestJobsBeforeTheSumsAreSummedUp(t *testing.T) {
	db := open(t, postgrestest.URL(t))
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db.DB, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 22); err != nil {
		t.Fatal(err)
	}
	db.MustExec(`INSERT INTO jobs (job_id, seq, owner_id, owner_role, file_name, file_size, status, stage, progress,
  created_at, updated_at) VALUES ('j', 1, 'alice', 'member', 'roll.xlsx', 5, 'completed', 'x', 100,
  '2026-03-01 22:00:00+00', now())`)
	if err := postgres.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	var sums []string
	if err := db.Select(&sums, `SELECT owner_id || ' ' || day || ' ' || jobs || ' ' || stored_bytes FROM job_sums
ORDER BY 1`); err != nil || len(sums) != 2 || sums[0] != " 2026-03-02 1 5" || sums[1] != "alice 2026-03-02 1 5" {
		t.Errorf("%q, %v", sums, err)
	}
}

// Who may not add an extension to the database gets all tables, and no index for searches.
func TestMigrateWithoutTheRightToAddExtensions(t *testing.T) {
	url := postgrestest.URL(t)
	owner := open(t, url)
	has := func() (has bool) {
		t.Helper()
		if err := owner.Get(&has, `SELECT EXISTS (SELECT FROM pg_indexes WHERE indexname = 'jobs_text')`); err != nil {
			t.Fatal(err)
		}
		return has
	}
	if !has() {
		t.Error("who may add extensions has no index for searches")
	}
	owner.MustExec(`DROP EXTENSION pg_trgm CASCADE`)
	owner.MustExec(`CREATE ROLE poor LOGIN PASSWORD 'poor'; CREATE SCHEMA poor AUTHORIZATION poor`)
	t.Cleanup(func() { owner.MustExec(`DROP OWNED BY poor; DROP ROLE poor`) })
	db := open(t, credentials.ReplaceAllLiteralString(url, "user=poor password=poor")+" search_path=poor")
	if err := postgres.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if has() {
		t.Error("there is an index for searches")
	}
}
