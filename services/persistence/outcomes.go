package persistence

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// outcomeReader reads the outcomes that a job has in the database.
type outcomeReader struct {
	jobID string
	// clears says that the rows may have emptied fields.
	clears bool
	// salt is the key of the digest that each outcome gets; "" for none.
	salt string
}

// each calls write with the outcome of each row, in the order of the rows, and
// returns their counts. It keeps one outcome in memory.
func (r outcomeReader) each(ctx context.Context, tx *sqlx.Tx,
	write func(*records.Outcome) error) (events.DatabaseStats, error) {
	var stats events.DatabaseStats
	cleared, written, members := "NULL::text[]", "NULL::text", ""
	if r.clears {
		cleared = clearedSQL
	}
	if r.salt != "" {
		written, members = overwrittenSQL, seenMembersSQL
	}
	rows, err := tx.QueryContext(ctx, `SELECT o.n, o.result, o.changed, coalesce(o.vd_code, ''), coalesce(o.error, ''),
  o.before->>'ward_code', o.after->>'ward_code', o.before->>'vd_code', o.after->>'vd_code', `+cleared+`, `+
		written+`
FROM job_outcomes o`+members+` WHERE o.job_id = $1 ORDER BY o.n`, r.jobID)
	if err != nil {
		return stats, fmt.Errorf("read outcomes: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		var o records.Outcome
		var was, is [2]sql.NullString
		var line sql.RawBytes
		if err := rows.Scan(&o.N, &o.Result, (*pq.StringArray)(&o.Changed), &o.VD, &o.Error, &was[0], &is[0], &was[1],
			&is[1], (*pq.StringArray)(&o.Cleared), &line); err != nil {
			return stats, fmt.Errorf("read outcomes: %w", redact(err))
		}
		if r.salt != "" {
			o.Digest = rowDigest(r.salt, line)
		}
		for i, name := range []string{"ward_code", "vd_code"} {
			if slices.Contains(o.Changed, name) {
				o.Before, o.After = setValue(o.Before, name, was[i]), setValue(o.After, name, is[i])
			}
		}
		if len(o.Cleared) > 0 {
			stats.Cleared++
		}
		if err := countResult(&stats, o.Result); err != nil {
			return stats, err
		}
		if err := write(&o); err != nil {
			return stats, err
		}
	}
	if err := rows.Err(); err != nil {
		return stats, fmt.Errorf("read outcomes: %w", redact(err))
	}
	return stats, nil
}

// clearedSQL returns the columns that a row has emptied.
var clearedSQL = func() string {
	var names []string
	for _, c := range columns {
		if c.clearable() {
			names = append(names, "'"+c.name+"'")
		}
	}
	return `CASE WHEN o.result = 'updated' THEN
  ARRAY(SELECT c FROM unnest(o.changed) c WHERE NOT o.after ? c AND c IN (` + commaList(names) + `)) END`
}()

func setValue(m map[string]string, name string, v sql.NullString) map[string]string {
	if !v.Valid {
		return m
	}
	if m == nil {
		m = make(map[string]string, 2)
	}
	m[name] = v.String
	return m
}

func countResult(s *events.DatabaseStats, result string) error {
	s.Total++
	switch result {
	case records.Inserted:
		s.Inserts++
	case records.Updated:
		s.Updates++
	case records.Unchanged:
		s.Unchanged++
	case records.Refused:
		s.Errors++
	case records.Removed:
		s.Removed++
	case records.Kept:
		s.Kept++
	case records.Transfer:
		s.Transfers++
	case records.Objected:
		s.Objected++
	case records.Known:
		s.Known++
	case records.Unknown:
		s.Unknown++
	default:
		return fmt.Errorf("read outcomes: result %q is unknown", result)
	}
	return nil
}
