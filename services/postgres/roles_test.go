package postgres_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"rollcall.example/services/postgres"
)

// wantRights says for each table which service may do what, with the letters of the
// statements below. A new table must be added here before a service may use it.
var wantRights = map[string]map[string]string{
	"members":      {"persistence": "SIUD", "privacy": "SUD", "upload": "S"}, // upload: some columns
	"audit_heads":  {"privacy": "SI"},
	"ward_regions": {"persistence": "S", "upload": "S"},
	"ward_changes": {"persistence": "I", "upload": "S", "privacy": "I"},
	"job_ledger":   {"persistence": "SIUD", "privacy": "SD"},
	"jobs":         {"upload": "SIU", "privacy": "SD"},

	"job_outcome_rows":    {"persistence": "SI", "upload": "S", "privacy": "SUD"},
	"job_outcome_groups":  {"persistence": "SI", "upload": "S", "privacy": "SUD"},
	"job_sums":            {"upload": "SID", "privacy": "I"},
	"job_retention":       {"privacy": "SIUD"},
	"job_retention_state": {"privacy": "SU"},
	"job_people":          {"privacy": "SIUD", "upload": "S"},
	// And some columns: see below.
	"webhooks":           {"upload": "SID", "webhook": "S", "privacy": "S"},
	"webhook_deliveries": {"upload": "SI", "webhook": "SIUD", "privacy": "SU"},
	"notifications":      {"upload": "SIUD", "webhook": "SD", "privacy": "S"}, // privacy: some columns
	"mails":              {"webhook": "SIUD"},
	"goose_db_version":   {"upload": "S", "persistence": "S", "webhook": "S", "privacy": "S"},
}

// Each role tries every statement on every table, and tries to change the schema.
func TestRolesHaveOnlyTheRightsTheyNeed(t *testing.T) {
	s := start(t, t.TempDir())
	owner := open(t, s.URL())
	if err := postgres.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	if granted, err := postgres.Grant(t.Context(), owner, nil); err != nil || len(granted) != 0 {
		t.Fatalf("Grant without passwords made roles: %v, %v", granted, err)
	}
	passwords := map[string]string{}
	for _, service := range postgres.RoleServices() {
		passwords[service] = "password's of " + service
	}
	for range 2 { // the second call changes nothing
		if granted, err := postgres.Grant(t.Context(), owner, passwords); err != nil || len(granted) != len(passwords) {
			t.Fatalf("%v, %v", granted, err)
		}
	}
	if granted, err := postgres.Grant(t.Context(), owner, nil); err != nil || len(granted) != len(passwords) {
		t.Fatalf("Grant without passwords skipped existing roles: %v, %v", granted, err)
	}
	var tables []string
	if err := owner.Select(&tables, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if _, ok := wantRights[table]; !ok {
			t.Errorf("wantRights lacks table %s", table)
		}
	}
	if len(tables) != len(wantRights) {
		t.Errorf("tables: %v", tables)
	}
	for service := range passwords {
		db := open(t, asRole(s.URL(), service, passwords[service]))
		if err := postgres.Ready(t.Context(), db); err != nil {
			t.Errorf("%s: %v", service, err)
		}
		for _, table := range tables {
			var column string
			if err := owner.Get(&column,
				`SELECT attname FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1`, table); err != nil {
				t.Fatal(err)
			}
			for verb, statement := range map[string]string{
				"S": "SELECT FROM %[1]s", "I": "INSERT INTO %[1]s DEFAULT VALUES", "D": "DELETE FROM %[1]s WHERE false",
				"U": "UPDATE %[1]s SET %[2]s = NULL WHERE false",
			} {
				may := strings.Contains(wantRights[table][service], verb)
				if denied := isDenied(t, db, fmt.Sprintf(statement, table, column)); denied == may {
					t.Errorf("%s, %s %s: denied %t", service, verb, table, denied)
				}
			}
			for _, statement := range []string{"TRUNCATE %s", "DROP TABLE %s", "ALTER TABLE %s ADD extra text",
				"ALTER TABLE %s DISABLE TRIGGER ALL",
				"CREATE INDEX ON %s ((1))", "CREATE RULE r AS ON INSERT TO %s DO INSTEAD NOTHING",
				"ALTER TABLE %s OWNER TO " + postgres.Role(service)} {
				if statement = fmt.Sprintf(statement, table); !isDenied(t, db, statement) {
					t.Errorf("%s was not denied %s", service, statement)
				}
			}
		}
		for _, statement := range []string{"CREATE TABLE mine (a int)", "CREATE SCHEMA mine", "CREATE ROLE mine",
			"CREATE DATABASE mine",
			"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "SELECT pg_read_file('/etc/passwd')",
			"COPY members TO PROGRAM 'cat'",
			"SET ROLE rollcall", "ALTER ROLE " + postgres.Role(service) + " SUPERUSER"} {
			if !isDenied(t, db, statement) {
				t.Errorf("%s was not denied %s", service, statement)
			}
		}
		if denied := isDenied(t, db, "CREATE TEMPORARY TABLE mine (a int)"); denied == (service == "persistence") {
			t.Errorf("%s, temporary table: denied %t", service, denied)
		}
	}
	if !slices.Equal(postgres.RoleServices(), []string{"persistence", "privacy", "upload", "webhook"}) {
		t.Error(postgres.RoleServices())
	}
}

// The secret of a webhook signs what its receiver believes. Whoever registers it may write
// it, and only the sender may read it.
func TestWebhookSecretsAreReadByTheSenderAlone(t *testing.T) {
	s := start(t, t.TempDir())
	owner := open(t, s.URL())
	if err := postgres.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	passwords := map[string]string{}
	for _, service := range postgres.RoleServices() {
		passwords[service] = "password of " + service
	}
	if _, err := postgres.Grant(t.Context(), owner, passwords); err != nil {
		t.Fatal(err)
	}
	for statement, allowed := range map[string][]string{
		"SELECT secret FROM webhooks":                                                  {"webhook"},
		"SELECT * FROM webhooks":                                                       {"webhook"},
		"SELECT w FROM webhooks w":                                                     {"webhook"},
		"SELECT FROM webhooks WHERE secret > 'whsec_'":                                 {"webhook"},
		"TABLE webhooks":                                                               {"webhook"},
		"SELECT id, url, failures FROM webhooks":                                       {"upload", "webhook"},
		"INSERT INTO webhooks SELECT 'a', 'b', NULL, 'c', '{d}', 'e', now()":           {"upload"},
		"INSERT INTO webhooks SELECT 'a', 'b', NULL, 'c', '{d}', 'e' RETURNING secret": {},
		"DELETE FROM webhooks WHERE id = 'a' RETURNING secret":                         {},
		"UPDATE webhooks SET failures = 0":                                             {"webhook"},
		"UPDATE webhooks SET secret = 'mine'":                                          {"upload"},
		"UPDATE webhooks SET secret = 'mine' RETURNING old_secret":                     {},
		"UPDATE webhooks SET old_secret = 'mine'":                                      {"webhook"},
		"SELECT old_secret FROM webhooks":                                              {"webhook"},
		"INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind, error) SELECT '', 1, '', '', ''": {"webhook"},
		"UPDATE webhooks SET url = 'https://mine.example'":                                               {},
	} {
		for service := range passwords {
			db := open(t, asRole(s.URL(), service, passwords[service]))
			if denied := isDenied(t, db, statement); denied == slices.Contains(allowed, service) {
				t.Errorf("%s, %s: denied %t", service, statement, denied)
			}
		}
	}
	for _, service := range postgres.RoleServices() {
		if _, wrong, err := postgres.CheckRights(t.Context(), owner, service); err != nil || len(wrong) != 0 {
			t.Errorf("%s: %v %v", service, wrong, err)
		}
	}
	owner.MustExec("GRANT SELECT (secret) ON webhooks TO " + postgres.Role("upload"))
	if _, wrong, err := postgres.CheckRights(t.Context(), owner, "upload"); err != nil ||
		!slices.Equal(wrong, []string{"has SELECT on webhooks.secret"}) {
		t.Errorf("one right too much: %v %v", wrong, err)
	}
	if _, err := postgres.Grant(t.Context(), owner, nil); err != nil {
		t.Fatal(err)
	}
	if _, wrong, err := postgres.CheckRights(t.Context(), owner, "upload"); err != nil || len(wrong) != 0 {
		t.Errorf("after the next migrate: %v %v", wrong, err)
	}
}

// isDenied runs a statement, rolls it back, and reports whether the role lacks the
// right to it.
func isDenied(t *testing.T, db *sqlx.DB, statement string) bool {
	t.Helper()
	if strings.HasPrefix(statement, "CREATE DATABASE") { // not possible in a transaction
		_, err := db.ExecContext(t.Context(), statement)
		return isInsufficientPrivilege(err)
	}
	tx, err := db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.ExecContext(t.Context(), statement)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	return isInsufficientPrivilege(err)
}

func isInsufficientPrivilege(err error) bool {
	var known *pq.Error
	return errors.As(err, &known) && known.Code == pqerror.InsufficientPrivilege
}

var credentials = regexp.MustCompile(`user=\S+ password=\S+`)

// asRole returns the URL of a private server with the name and password of a role.
func asRole(url, service, password string) string {
	quoted := strings.ReplaceAll(password, `'`, `\'`)
	return credentials.ReplaceAllLiteralString(url, "user="+postgres.Role(service)+" password='"+quoted+"'")
}
