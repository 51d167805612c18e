package privacy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/spelling"
)

// table is a table whose texts may name a person.
type table struct {
	name string
	key  []string // of a row
	// texts are searched. The person is taken out of them if fix is true. A text of
	// clear is set to NULL, because nothing else than a number fits there.
	texts, documents, clear []string
	fix                     bool
}

// tables lists all texts of the database that somebody outside can write. A test holds
// it against the schema.
var tables = []table{
	{
		name: "members", key: []string{"id_number"}, fix: true,
		texts: []string{
			"title", "firstname", "surname", "full_name", "email", "residential_address", "gender", "race", "citizenship",
			"language", "occupation", "qualification", "province", "region", "district", "municipality", "voting_station",
			"subscription", "status", "iec_voter_status", "iec_station", "iec_municipality_code", "iec_municipality",
			"iec_province",
		},
		clear: []string{"cell_number", "landline_number"},
	},
	{name: "job_outcome_rows", key: []string{"job_id", "n"}, fix: true, texts: []string{"error"},
		documents: []string{"before", "after"}},
	{name: "webhook_deliveries", key: []string{"webhook_id", "seq"}, fix: true, texts: []string{"error"}},
	{name: "webhooks", key: []string{"id"}, texts: []string{"owner_id", "url", "disabled_reason"}},
	{name: "notifications", key: []string{"id"}, texts: []string{"user_id", "email"}},
	{name: "jobs", key: []string{"job_id"}, texts: []string{"owner_id", "file_name", "error_message"}},
}

func (t table) columns() []string {
	return append(append(append([]string(nil), t.texts...), t.documents...), t.clear...)
}

// patterns are what the digits of a text may be like that names the person, or almost.
// They find too much and nothing too little.
func (p *subject) patterns() (list []string) {
	id := p.id
	add := func(digits string) { list = append(list, "%"+digits+"%") }
	add(strings.Trim(id, "0"))
	add(id[:6] + id[spelling.Length-2:])
	for i := range id {
		add(id[:i] + "_" + id[i+1:])
		add(id[:i] + id[i+1:])
		add(id[:i] + "_" + id[i:])
		if i > 0 {
			add(id[:i-1] + id[i:i+1] + id[i-1:i] + id[i+1:])
		}
	}
	return list
}

// searchTable calls visit with each row of a table that may name the person: its key
// and its texts by column. The person's own rows are left out, and with only those of all
// other jobs.
func searchTable(ctx context.Context, db sqlx.QueryerContext, t table, p *subject, only []string,
	visit func(key []string, texts map[string]string) error) error {
	characters, digits := spelling.Digits()
	columns := t.columns()
	selected := make([]string, 0, len(columns)+len(t.key))
	for _, c := range append(append([]string(nil), t.key...), columns...) {
		selected = append(selected, "coalesce("+c+"::text, '')")
	}
	query := `SELECT ` + strings.Join(selected, ", ") + ` FROM ` + t.name + `
WHERE regexp_replace(translate(concat_ws(' ', ` + strings.Join(columns, ", ") + `), $1, $2), '[^0-9]', '', 'g')
  LIKE ANY ($3)`
	args := []any{characters, digits, pq.Array(p.patterns())}
	if t.name == "members" || t.name == "job_outcome_rows" {
		query += ` AND id_number <> $4`
		args = append(args, p.id)
	}
	if only != nil {
		args = append(args, pq.Array(only))
		query += fmt.Sprintf(` AND job_id = ANY ($%d)`, len(args))
	}
	rows, err := db.QueryxContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("search %s: %w", t.name, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		values := make([]string, len(selected))
		to := make([]any, len(values))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return fmt.Errorf("search %s: %w", t.name, err)
		}
		texts := make(map[string]string, len(columns))
		for i, c := range columns {
			texts[c] = values[len(t.key)+i]
		}
		if err := visit(values[:len(t.key)], texts); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("search %s: %w", t.name, err)
	}
	return nil
}

// tableFindings is what tables say of the person, beside the person's own rows.
type tableFindings struct {
	named, mayBe places
	// fixes are statements that take the person out.
	fixes []fix
}

type fix struct {
	statement string
	args      []any
}

// searchTables searches all tables. Of the table jobs it leaves out the file names of
// known jobs, which follow from events.
func (s *searcher) searchTables(ctx context.Context, db sqlx.QueryerContext, jobs map[string]*events.Job, p *subject,
) (*tableFindings, error) {
	f := &tableFindings{}
	for _, t := range tables {
		var only []string
		if t.name == "job_outcome_rows" && s.cfg.Key != nil {
			var err error
			if only, err = s.listSuspectOutcomes(ctx, p); err != nil {
				return nil, err
			}
		}
		err := searchTable(ctx, db, t, p, only, func(key []string, texts map[string]string) error {
			return f.look(t, jobs, p, key, texts)
		})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// look notes what a row says of the person, and how it is taken out.
func (f *tableFindings) look(t table, jobs map[string]*events.Job, p *subject, key []string, texts map[string]string,
) error {
	var jobID string
	for i, name := range t.key {
		if name == "job_id" {
			jobID = key[i]
		}
	}
	var sets []string
	var args []any
	for _, column := range t.columns() {
		if column == "file_name" && jobs[jobID] != nil {
			continue
		}
		match := p.finder.Find(texts[column])
		if match == spelling.None {
			continue
		}
		at := cases.Place{Where: t.name + "." + column, JobID: jobID}
		if match == spelling.Near {
			f.mayBe.add(at)
			continue
		}
		f.named.add(at)
		if !t.fix {
			continue
		}
		value, err := t.without(p, column, texts[column])
		if err != nil {
			return err
		}
		args = append(args, value)
		sets = append(sets, fmt.Sprintf("%s = $%d", column, len(args)))
	}
	if len(sets) == 0 {
		return nil
	}
	var where []string
	for i, name := range t.key {
		args = append(args, key[i])
		where = append(where, fmt.Sprintf("%s::text = $%d", name, len(args)))
	}
	f.fixes = append(f.fixes, fix{
		"UPDATE " + t.name + " SET " + strings.Join(sets, ", ") + " WHERE " + strings.Join(where, " AND "), args,
	})
	return nil
}

// without returns the value of a column without the person.
func (t table) without(p *subject, column, text string) (any, error) {
	for _, c := range t.clear {
		if c == column {
			return nil, nil
		}
	}
	for _, c := range t.documents {
		if c != column {
			continue
		}
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var doc any
		if err := decoder.Decode(&doc); err != nil {
			return nil, fmt.Errorf("read %s.%s: %w", t.name, column, err)
		}
		changed, err := json.Marshal(walkJSON(doc, "", func(path, text string) string {
			now, found := p.finder.Blank(text, p.names)
			if found && (path == "cell_number" || path == "landline_number") {
				return ""
			}
			return now
		}))
		return string(changed), err
	}
	now, _ := p.finder.Blank(text, p.names)
	return now, nil
}

// ownRows are the rows that a person has, and how they are deleted. Of a group of outcomes
// that is the person's part, or all where it has nobody else.
var ownRows = []struct{ table, deletion string }{
	{"members", `DELETE FROM members WHERE id_number = $1`},
	{"job_outcome_rows", `DELETE FROM job_outcome_rows WHERE id_number = $1`},
	{"job_outcome_groups", `DELETE FROM job_outcome_groups
WHERE int8range(first_id, last_id, '[]') @> $1::bigint AND id_numbers = ARRAY[$1::bigint]`},
	{"job_outcome_groups", `UPDATE job_outcome_groups g SET (first_id, last_id, id_numbers, ns, vd_codes) = (
  SELECT min(id), max(id), array_agg(id ORDER BY id), array_agg(n ORDER BY id), array_agg(vd ORDER BY id)
  FROM unnest(g.id_numbers, g.ns, g.vd_codes) AS p (id, n, vd) WHERE id <> $1::bigint)
WHERE int8range(first_id, last_id, '[]') @> $1::bigint AND $1::bigint = ANY (id_numbers)`},
}

// deleteRows deletes a person's rows from the database and takes the person out of the
// texts of all others.
func (s *Service) deleteRows(ctx context.Context, jobs map[string]*events.Job, p *subject, done *cases.Result,
) (*tableFindings, error) {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	for _, own := range ownRows {
		res, err := tx.ExecContext(ctx, own.deletion, p.id)
		if err != nil {
			return nil, fmt.Errorf("delete from %s: %w", own.table, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return nil, fmt.Errorf("delete from %s: %w", own.table, err)
		}
		if own.table == "members" {
			done.Members += n
		} else {
			done.Outcomes += n
		}
	}
	found, err := s.searchTables(ctx, tx, jobs, p)
	if err != nil {
		return nil, err
	}
	for _, f := range found.fixes {
		if _, err := tx.ExecContext(ctx, f.statement, f.args...); err != nil {
			return nil, fmt.Errorf("take out of a table: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	done.Mentions += len(found.fixes)
	if len(found.fixes) > 0 { // what could not be taken out is left
		return s.searchTables(ctx, s.cfg.DB, jobs, p)
	}
	return found, nil
}
