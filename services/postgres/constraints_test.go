package postgres_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"

	"rollcall.example/schema"
	"rollcall.example/services/postgres"
	"rollcall.example/services/postgres/postgrestest"
)

// insertSQL returns an INSERT of the pairs of column and value in good. others
// replace or extend them.
func insertSQL(table string, good [][2]string, others ...[2]string) string {
	var columns, values []string
	for _, pair := range append(good[:len(good):len(good)], others...) {
		replaced := false
		for i, column := range columns {
			if column == pair[0] {
				values[i], replaced = pair[1], true
			}
		}
		if !replaced {
			columns, values = append(columns, pair[0]), append(values, pair[1])
		}
	}
	return "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
}

// Each table takes a good row and refuses each bad one, which is the good row with
// the named columns changed.
func TestConstraintsRefuseBadRows(t *testing.T) {
	const check, unique, missing = "check_violation", "unique_violation", "not_null_violation"
	type bad struct {
		others [][2]string
		want   string
	}
	type pairs = [][2]string
	now := "'2025-01-31T10:00:00Z'"
	for _, c := range []struct {
		table string
		good  pairs
		bad   []bad
	}{
		{"members", pairs{{"id_number", "'8001015009087'"}, {"created_at", now}, {"updated_at", now},
			{"created_by_job", "'j'"}, {"updated_by_job", "'j'"}}, []bad{
			{nil, unique},
			{pairs{{"id_number", "NULL"}}, missing},
			{pairs{{"id_number", "'800101500908'"}}, check},
			{pairs{{"id_number", "'80010150090871'"}}, check},
			{pairs{{"id_number", "'80010150090x7'"}}, check},
			{pairs{{"id_number", "E'8001015009087\\n'"}}, check},
			{pairs{{"created_by_job", "NULL"}}, missing},
			{pairs{{"updated_at", "NULL"}}, missing},
			{pairs{{"firstname", "''"}}, check},
			{pairs{{"ward_code", "'7980000'"}}, check},
			{pairs{{"voting_district", "'32840x23'"}}, check},
			{pairs{{"cell_number", "'0821234567'"}}, check},
			{pairs{{"cell_number", "'+278212'"}}, check},
			{pairs{{"cell_number", "'+2782123456789012'"}}, check},
			{pairs{{"cell_number", "'+2782123456x'"}}, check},
			{pairs{{"cell_number", "'+2782+234567'"}}, check},
			{pairs{{"cell_number", "E'+27821234567\\n'"}}, check},
			{pairs{{"landline_number", "'0112345678'"}}, check},
			{pairs{{"voting_district", "'3284000'"}}, check},
			{pairs{{"vd_code", "'3284000x'"}, {"iec_status", "'registered'"}, {"verified_at", now}}, check},
			{pairs{{"iec_ward", "'798000011'"}}, check},
			{pairs{{"iec_vd", "E'3284001\\n'"}}, check},
			{pairs{{"email", "'nobody'"}}, check},
			{pairs{{"age", "400"}}, check},
			{pairs{{"date_joined", "'0202-01-01'"}}, check},
			{pairs{{"membership_amount", "-1"}}, check},
			{pairs{{"iec_status", "'maybe'"}, {"verified_at", now}}, check},
			{pairs{{"iec_status", "'registered'"}}, check},
			{pairs{{"iec_status", "'registered'"}, {"verified_at", now}, {"iec_ward", "'1'"}}, check},
			{pairs{{"iec_status", "'registered'"}, {"verified_at", now}, {"iec_vd", "'1'"}}, check},
			{pairs{{"iec_status", "'registered'"}, {"verified_at", now}, {"vd_code", "'x'"}}, check},
			{pairs{{"vd_code", "'22222222'"}}, check},
			{pairs{{"verified_at", now}}, check},
		}},
		{"ward_regions", pairs{{"ward_code", "'79800001'"}, {"sub_region", "'A'"}}, []bad{
			{nil, unique},
			{pairs{{"ward_code", "'1'"}}, check},
			{pairs{{"ward_code", "'79800002'"}, {"sub_region", "''"}}, check},
			{pairs{{"ward_code", "'79800002'"}, {"sub_region", "NULL"}}, check},
			{pairs{{"ward_code", "'79800002'"}, {"municipality", "''"}}, check},
			{pairs{{"ward_code", "'79800002'"}, {"province", "'Gauteng'"}}, check},
		}},
		{"job_ledger", pairs{{"job_id", "'job-1'"}, {"written_at", now}}, []bad{
			{nil, unique},
			{pairs{{"job_id", "'job-2'"}, {"written_at", "NULL"}}, missing},
		}},
		{"job_outcome_groups", pairs{{"job_id", "'job-1'"}, {"result", "'inserted'"}, {"first_id", "5"}, {"last_id", "7"},
			{"id_numbers", "'{5,7}'"}, {"ns", "'{2,3}'"}, {"vd_codes", "'{32840123,NULL}'"}}, []bad{
			{nil, unique},
			{pairs{{"result", "'updated'"}}, check},
			{pairs{{"first_id", "4"}}, check},
			{pairs{{"last_id", "5"}}, check},
			{pairs{{"result", "'known'"}, {"ns", "'{2}'"}}, check},
			{pairs{{"result", "'known'"}, {"vd_codes", "'{}'"}}, check},
		}},
		{"job_outcome_rows", pairs{{"job_id", "'job-1'"}, {"n", "2"}, {"id_number", "'8001015009087'"},
			{"result", "'inserted'"}}, []bad{
			{nil, unique},
			{pairs{{"n", "0"}}, check},
			{pairs{{"n", "3"}, {"result", "'lost'"}}, check},
			{pairs{{"n", "3"}, {"result", "'refused'"}}, check},
			{pairs{{"n", "3"}, {"error", "'why'"}}, check},
			{pairs{{"n", "3"}, {"result", "'updated'"}}, check},
			{pairs{{"n", "3"}, {"changed", "'{email}'"}}, check},
		}},
		{"jobs", pairs{{"job_id", "'job-1'"}, {"seq", "1"}, {"owner_id", "'alice'"}, {"owner_role", "'member'"},
			{"file_name", "'a.xlsx'"}, {"file_size", "1"},
			{"status", "'pending'"}, {"stage", "'initialization'"}, {"progress", "0"}, {"created_at", now},
			{"updated_at", now}}, []bad{
			{nil, unique},
			{pairs{{"job_id", "'job-2'"}, {"status", "'done'"}}, check},
			{pairs{{"job_id", "'job-2'"}, {"progress", "101"}}, check},
			{pairs{{"job_id", "'job-2'"}, {"seq", "NULL"}}, missing},
			{pairs{{"job_id", "'job-2'"}, {"owner_id", "NULL"}}, missing},
		}},
	} {
		t.Run(c.table, func(t *testing.T) {
			db := postgrestest.New(t)
			if c.table == "job_outcome_rows" {
				db.MustExec("INSERT INTO job_ledger (job_id, written_at) VALUES ('job-1', " + now + ")")
			}
			if _, err := db.Exec(insertSQL(c.table, c.good)); err != nil {
				t.Fatal(err)
			}
			for _, bad := range c.bad {
				_, err := db.Exec(insertSQL(c.table, c.good, bad.others...))
				var known *pq.Error
				if !errors.As(err, &known) || known.Code.Name() != bad.want {
					t.Errorf("%v: %v, want %s", bad.others, err, bad.want)
				}
			}
		})
	}
}

// Migrating down and up again works: each migration can be undone.
func TestMigratingDownLeavesNothing(t *testing.T) {
	url := postgrestest.URL(t)
	db := open(t, url)
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db.DB, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	const relations = `SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose_db_version%'`
	if left := querySQL(t, url, relations); left != "" {
		t.Errorf("left: %s", left)
	}
	if err := postgres.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Ready(t.Context(), db); err != nil {
		t.Error(err)
	}
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	a, b := postgrestest.New(t), postgrestest.New(t)
	a.MustExec("INSERT INTO ward_regions VALUES ('79800001', 'A')")
	var n int
	if err := b.Get(&n, "SELECT count(*) FROM ward_regions"); err != nil || n != 0 {
		t.Errorf("%d rows of another test, %v", n, err)
	}
}
