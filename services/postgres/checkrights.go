package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// CheckRights compares the rights of a service's role with those that Grant gives
// it. wrong has a phrase for each right that is missing or too much. exists is false
// if the service has no role. CheckRights changes nothing and needs no right but to
// connect.
func CheckRights(ctx context.Context, db *sqlx.DB, service string) (exists bool, wrong []string, err error) {
	role := Role(service)
	if err := db.GetContext(ctx, &exists, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`,
		role); err != nil || !exists {
		return exists, nil, wrapRights(err, role)
	}
	var list []struct {
		Table string `db:"tablename"`
		Right string
		Has   bool
	}
	err = db.SelectContext(ctx, &list, `SELECT tablename, "right",
		has_table_privilege($1, format('%I.%I', schemaname, tablename), "right") AS has
		FROM pg_tables, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS "right"
		WHERE schemaname = current_schema() ORDER BY 1, 2`, role)
	if err != nil {
		return true, nil, wrapRights(err, role)
	}
	for _, l := range list {
		needs := slices.Contains(strings.Split(rights[service][l.Table], ", "), l.Right)
		switch {
		case needs && !l.Has:
			wrong = append(wrong, fmt.Sprintf("lacks %s on %s", l.Right, l.Table))
		case !needs && l.Has:
			wrong = append(wrong, fmt.Sprintf("has %s on %s", l.Right, l.Table))
		}
	}
	ofColumns, err := checkColumns(ctx, db, service)
	return true, append(wrong, ofColumns...), wrapRights(err, role)
}

// checkColumns does the same for rights to single columns.
func checkColumns(ctx context.Context, db *sqlx.DB, service string) (wrong []string, err error) {
	var list []struct {
		Table  string `db:"relname"`
		Column string `db:"attname"`
		Right  string
		Has    bool
	}
	// A right to the whole table is one to all columns, and was found above.
	err = db.SelectContext(ctx, &list, `SELECT c.relname, a.attname, "right",
		has_column_privilege($1, c.oid, a.attnum, "right") AS has
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped,
		unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS "right"
		WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
		AND NOT has_table_privilege($1, c.oid, "right") ORDER BY 1, 2, 3`, Role(service))
	for _, l := range list {
		needs := slices.Contains(columnRights[service][l.Table][l.Right], l.Column)
		switch {
		case needs && !l.Has:
			wrong = append(wrong, fmt.Sprintf("lacks %s on %s.%s", l.Right, l.Table, l.Column))
		case !needs && l.Has:
			wrong = append(wrong, fmt.Sprintf("has %s on %s.%s", l.Right, l.Table, l.Column))
		}
	}
	return wrong, err
}

func wrapRights(err error, role string) error {
	if err != nil {
		return fmt.Errorf("check rights of %s: %w", role, err)
	}
	return nil
}
