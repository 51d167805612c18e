package postgres_test

import (
	"io/fs"
	"testing"

	"github.com/jmoiron/sqlx"
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

// Outcomes in groups and in rows of their own are read as one. Processes of the version
// before, which know no groups, may read, write and remove them until they are replaced,
// and going back makes rows of them.
func TestOutcomesInGroupsAreReadAsRows(t *testing.T) {
	s := start(t, t.TempDir())
	owner := open(t, s.URL())
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, owner.DB, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 28); err != nil {
		t.Fatal(err)
	}
	owner.MustExec(`CREATE ROLE old LOGIN PASSWORD 'password';
GRANT SELECT, INSERT, UPDATE, DELETE ON job_outcomes TO old`)
	owner.MustExec(`INSERT INTO job_outcomes (job_id, n, id_number, result, error)
VALUES ('job-1', 2, '0001015009087', 'refused', 'of 0001015009087')`)
	if err := postgres.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	owner.MustExec(`INSERT INTO job_outcome_groups (job_id, result, first_id, last_id, id_numbers, ns, vd_codes) VALUES
('job-2', 'inserted', 1015009087, 9001010001088, '{1015009087,8001015009087,9001010001088}', '{4,2,3}',
  '{123,NULL,32840123}'),
('job-2', 'unchanged', 9101010001088, 9101010001088, '{9101010001088}', '{5}', '{NULL}')`)
	before := open(t, credentials.ReplaceAllLiteralString(s.URL(), "user=old password=password"))
	const all = `SELECT string_agg(concat_ws(' ', job_id, n, id_number, result, vd_code, changed, error), ', '
ORDER BY job_id, n) FROM `
	expect := func(db *sqlx.DB, query, want string) {
		t.Helper()
		var got string
		if err := db.Get(&got, all+query); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", query, got, err, want)
		}
	}
	expect(before, "job_outcomes WHERE job_id = 'job-2'", "job-2 2 8001015009087 inserted {}, "+
		"job-2 3 9001010001088 inserted 32840123 {}, job-2 4 0001015009087 inserted 00000123 {}, "+
		"job-2 5 9101010001088 unchanged {}")
	expect(owner, "outcomes_of('0001015009087')", "job-1 2 0001015009087 refused {} of 0001015009087, "+
		"job-2 4 0001015009087 inserted 00000123 {}")
	before.MustExec(`INSERT INTO job_outcomes (job_id, n, id_number, result)
VALUES ('job-3', 2, '8001015009087', 'known')`)
	before.MustExec(`UPDATE job_outcomes SET error = 'of [erased]' WHERE job_id = 'job-1' AND n::text = '2'`)
	before.MustExec(`DELETE FROM job_outcomes WHERE id_number = '9001010001088' OR id_number = '9101010001088'`)
	left := "job-1 2 0001015009087 refused {} of [erased], job-2 2 8001015009087 inserted {}, " +
		"job-2 4 0001015009087 inserted 00000123 {}, job-3 2 8001015009087 known {}"
	expect(before, "job_outcomes", left)
	if !isDenied(t, before, `DELETE FROM job_outcome_groups`) {
		t.Error("whoever may remove outcomes by the view may remove groups of them")
	}
	if _, err := p.DownTo(t.Context(), 28); err != nil {
		t.Fatal(err)
	}
	expect(before, "job_outcomes", left)
}
