package postgres_test

import (
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"

	"rollcall.example/schema"
	"rollcall.example/services/postgres"
)

// Outcomes go with their row of the ledger, those from before the migration too, and
// whoever may remove that row need not have the right to remove others' outcomes.
func TestOutcomesGoWithTheirRowOfTheLedger(t *testing.T) {
	s := start(t, t.TempDir())
	owner := open(t, s.URL())
	if err := postgres.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Grant(t.Context(), owner, map[string]string{"persistence": "password"}); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, owner.DB, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 26); err != nil {
		t.Fatal(err)
	}
	const outcome = `INSERT INTO job_outcomes (job_id, n, id_number, result) VALUES ($1, $2, '8001015009087', 'inserted')`
	for _, job := range []string{"job-1", "job-2", "job-3"} {
		owner.MustExec(`INSERT INTO job_ledger (job_id, written_at) VALUES ($1, now())`, job)
		owner.MustExec(outcome, job, 2)
	}
	if err := postgres.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	persistence := open(t, asRole(s.URL(), "persistence", "password"))
	persistence.MustExec(outcome, "job-1", 3)
	persistence.MustExec(`DELETE FROM job_ledger WHERE job_id <> 'job-3'`)
	if !isDenied(t, persistence, `DELETE FROM job_outcomes`) {
		t.Error("persistence may remove outcomes by themselves")
	}
	if !isDenied(t, persistence, `CREATE TEMPORARY TABLE mine (job_id text);
CREATE TRIGGER mine AFTER DELETE ON mine REFERENCING OLD TABLE AS removed FOR EACH STATEMENT
EXECUTE FUNCTION remove_outcomes()`) {
		t.Error("persistence may have statements of its own run by the owner")
	}
	var left []string
	if err := owner.Select(&left, `SELECT job_id FROM job_outcomes`); err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0] != "job-3" {
		t.Errorf("outcomes of %q are left", left)
	}
	// Going back makes the foreign key again.
	if _, err := p.DownTo(t.Context(), 26); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(outcome, "job-9", 2); err == nil {
		t.Error("an outcome without a row of the ledger")
	}
}
