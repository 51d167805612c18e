package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// rights says what each service that uses the database may do with which table.
// No service owns a table, and none may alter or truncate one.
var rights = map[string]map[string]string{
	"upload": {
		// What changes jobs changes their sums.
		"jobs": "SELECT, INSERT, UPDATE", "job_sums": "SELECT, INSERT, DELETE",
		"webhooks": "INSERT, DELETE", "webhook_deliveries": "SELECT",
		"job_outcome_rows": "SELECT", "job_outcome_groups": "SELECT", "job_outcomes": "SELECT",
		"ward_regions": "SELECT", "ward_changes": "SELECT", versionsTable: "SELECT",
		// A member's story asks which jobs may name the person.
		"job_people": "SELECT",
		// Who is told of what switches it on and off.
		"notifications": "SELECT, INSERT, UPDATE, DELETE",
	},
	"persistence": {
		"members": "SELECT, INSERT, UPDATE, DELETE", "ward_regions": "SELECT",
		// Locking rows of the ledger needs the right to update them.
		"job_ledger": "SELECT, INSERT, UPDATE, DELETE", "job_outcome_rows": "SELECT, INSERT",
		"job_outcome_groups": "SELECT, INSERT", versionsTable: "SELECT",
		// Processes of the version before write to the view of both.
		"job_outcomes": "SELECT, INSERT",
		// Members count themselves, as whoever writes them.
		"ward_changes": "INSERT",
	},
	"privacy": {
		// Erasing a person takes them out of texts about others, too.
		"members": "SELECT, UPDATE, DELETE", "jobs": "SELECT, DELETE", "job_ledger": "SELECT, DELETE",
		"job_outcome_rows": "SELECT, UPDATE, DELETE", "job_outcome_groups": "SELECT, UPDATE, DELETE",
		"job_outcomes": "SELECT, UPDATE, DELETE", "webhook_deliveries": "SELECT, UPDATE",
		"ward_changes": "INSERT",
		"audit_heads":  "SELECT, INSERT", "job_sums": "INSERT", "job_retention": "SELECT, INSERT, UPDATE, DELETE",
		"job_retention_state": "SELECT, UPDATE",
		"job_people":          "SELECT, INSERT, UPDATE, DELETE", versionsTable: "SELECT",
	},
	"webhook": {"webhooks": "SELECT", "webhook_deliveries": "SELECT, INSERT, UPDATE, DELETE",
		"notifications": "SELECT, DELETE", "mails": "SELECT, INSERT, UPDATE, DELETE",
		versionsTable: "SELECT"},
}

// columnRights are rights to some columns of a table, by service, table and right. The
// secret of a webhook is written by upload and read by the sender alone.
var columnRights = map[string]map[string]map[string][]string{
	"upload": {"webhooks": {"SELECT": {
		"id", "owner_id", "job_id", "url", "kinds", "created_at", "failures", "failing_since", "disabled_at",
		"disabled_reason", "old_secret_until", "probe_at",
	}, "UPDATE": {"secret", "old_secret_until"}},
		// Registers of wards name members, and a member's story says how they stand.
		"members": {"SELECT": {
			"id_number", "firstname", "surname", "full_name", "ward_code", "municipality", "province", "vd_code",
			"iec_status", "iec_ward", "iec_vd", "iec_municipality_code", "iec_municipality", "iec_province", "verified_at",
			"created_at", "updated_at", "created_by_job", "updated_by_job",
		}},
		"webhook_deliveries": {"INSERT": {"webhook_id", "seq", "job_id", "kind"}}},
	// It looks for a person in the texts of webhooks.
	"privacy": {"webhooks": {"SELECT": {"id", "owner_id", "url", "disabled_reason"}},
		"notifications": {"SELECT": {"id", "user_id", "email"}}},
	"webhook": {"webhooks": {"UPDATE": {
		"failures", "failing_since", "probe_at", "disabled_at", "disabled_reason", "old_secret", "old_secret_until",
	}}},
}

// versionsTable is where goose records the migrations that have run.
const versionsTable = "goose_db_version"

// rolesLock is the advisory lock that Grant holds.
const rolesLock = 0x726f6c65

// RoleServices returns the services that have a role in the database, sorted.
func RoleServices() []string { return slices.Sorted(maps.Keys(rights)) }

// Role returns the name of a service's role: rollcall_ and the service.
func Role(service string) string { return "rollcall_" + service }

// Grant gives each service's role the rights that it needs and revokes all others.
// passwords are by service. For a service with a password, Grant creates the role or
// changes its password; without one it skips a role that does not exist. It returns
// the names of the roles with rights. Call it after each Migrate as the owner of the
// tables. With passwords it needs the right to create roles.
func Grant(ctx context.Context, db *sqlx.DB, passwords map[string]string) (granted []string, err error) {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, rolesLock); err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	var database, schema string
	if err := tx.QueryRowContext(ctx,
		`SELECT quote_ident(current_database()), quote_ident(current_schema())`).Scan(&database, &schema); err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	for _, service := range RoleServices() {
		role, statements := Role(service), []string{}
		var exists bool
		if err := tx.GetContext(ctx, &exists, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`,
			role); err != nil {
			return nil, fmt.Errorf("grant: %w", err)
		}
		password := passwords[service]
		if !exists && password == "" {
			continue
		}
		if !exists {
			statements = append(statements, "CREATE ROLE "+role)
		}
		if password != "" {
			statements = append(statements,
				"ALTER ROLE "+role+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD "+
					pq.QuoteLiteral(password))
		}
		statements = append(statements,
			"REVOKE ALL ON ALL TABLES IN SCHEMA "+schema+" FROM "+role,
			"REVOKE ALL ON SCHEMA "+schema+" FROM "+role,
			"GRANT USAGE ON SCHEMA "+schema+" TO "+role)
		for _, table := range slices.Sorted(maps.Keys(rights[service])) {
			statements = append(statements, "GRANT "+rights[service][table]+" ON "+schema+"."+table+" TO "+role)
		}
		for table, byRight := range columnRights[service] {
			for right, columns := range byRight {
				statements = append(statements,
					"GRANT "+right+" ("+strings.Join(columns, ", ")+") ON "+schema+"."+table+" TO "+role)
			}
		}
		if granted == nil { // what everybody may do by default
			statements = append(statements, "REVOKE CREATE ON SCHEMA "+schema+" FROM PUBLIC",
				"REVOKE TEMPORARY ON DATABASE "+database+" FROM PUBLIC")
		}
		if service == "persistence" { // it loads incoming rows into a temporary table
			statements = append(statements, "GRANT TEMPORARY ON DATABASE "+database+" TO "+role)
		}
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				verb, _, _ := strings.Cut(statement, " ")
				return nil, fmt.Errorf("grant: %s for role %s: %w", strings.ToLower(verb), role, err)
			}
		}
		granted = append(granted, role)
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	return granted, nil
}
