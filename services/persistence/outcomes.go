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

// eachOutcome calls write with the outcome of each row of a job, in the order of
// the rows, and returns their counts. It keeps one outcome in memory.
func eachOutcome(ctx context.Context, tx *sqlx.Tx, jobID string,
	write func(*records.Outcome) error) (events.DatabaseStats, error) {
	var stats events.DatabaseStats
	rows, err := tx.QueryContext(ctx, `SELECT n, result, changed, coalesce(vd_code, ''), coalesce(error, ''),
  before->>'ward_code', after->>'ward_code', before->>'vd_code', after->>'vd_code'
FROM job_outcomes WHERE job_id = $1 ORDER BY n`, jobID)
	if err != nil {
		return stats, fmt.Errorf("read outcomes: %w", redact(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		var o records.Outcome
		var was, is [2]sql.NullString
		if err := rows.Scan(&o.N, &o.Result, (*pq.StringArray)(&o.Changed), &o.VD, &o.Error, &was[0], &is[0], &was[1],
			&is[1]); err != nil {
			return stats, fmt.Errorf("read outcomes: %w", redact(err))
		}
		for i, name := range []string{"ward_code", "vd_code"} {
			if slices.Contains(o.Changed, name) {
				o.Before, o.After = setValue(o.Before, name, was[i]), setValue(o.After, name, is[i])
			}
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
	default:
		return fmt.Errorf("read outcomes: result %q is unknown", result)
	}
	return nil
}
