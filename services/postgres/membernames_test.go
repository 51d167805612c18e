package postgres_test

import (
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"

	"rollcall.example/schema"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// Members that there are get the columns of names, and lose nothing else without them.
func TestMembersGetColumnsOfNames(t *testing.T) {
	db := open(t, postgrestest.URL(t))
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db.DB, files)
	if err != nil {
		t.Fatal(err)
	}
	down := func() {
		t.Helper()
		if _, err := p.DownTo(t.Context(), 16); err != nil {
			t.Fatal(err)
		}
	}
	down()
	db.MustExec(`INSERT INTO members (id_number, firstname, created_at, updated_at, created_by_job, updated_by_job)
VALUES ('8001015009087', 'Thandi', now(), now(), 'j', 'j')`)
	for range 2 {
		if err := postgres.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		var names string
		if err := db.Get(&names, `SELECT firstname || coalesce(full_name, '-') || coalesce(title, '-') ||
  coalesce(district, '-') || coalesce(date_of_birth::text, '-') FROM members`); err != nil || names != "Thandi----" {
			t.Errorf("the member is %q, %v", names, err)
		}
		db.MustExec(`UPDATE members
SET full_name = 'Thandi Nkosi', title = 'Ms', district = 'D', date_of_birth = '1980-01-01'`)
		down()
	}
	if err := postgres.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}
