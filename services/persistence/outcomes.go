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

// outcomes hands the outcome of each row of a job to write, in the order of the
// rows, one at a time, and counts them.
func outcomes(ctx context.Context, tx *sqlx.Tx, jobID string, write func(*records.Outcome) error) (events.DatabaseStats, error) {
	var stats events.DatabaseStats
	rows, err := tx.QueryContext(ctx, `SELECT n, result, changed, coalesce(vd_code, ''), coalesce(error, ''),
  before->>'ward_code', after->>'ward_code', before->>'vd_code', after->>'vd_code'
FROM job_outcomes WHERE job_id = $1 ORDER BY n`, jobID)
	if err != nil {
		return stats, fmt.Errorf("read outcomes: %w", safe(err))
	}
	defer func() { _ = rows.Close() }() // rows.Err says what is to be said
	for rows.Next() {
		var o records.Outcome
		var was, is [2]sql.NullString
		if err := rows.Scan(&o.N, &o.Result, (*pq.StringArray)(&o.Changed), &o.VD, &o.Error, &was[0], &is[0], &was[1], &is[1]); err != nil {
			return stats, fmt.Errorf("read outcomes: %w", safe(err))
		}
		for i, name := range []string{"ward_code", "vd_code"} {
			if slices.Contains(o.Changed, name) {
				o.Before, o.After = with(o.Before, name, was[i]), with(o.After, name, is[i])
			}
		}
		if err := count(&stats, o.Result); err != nil {
			return stats, err
		}
		if err := write(&o); err != nil {
			return stats, err
		}
	}
	if err := rows.Err(); err != nil {
		return stats, fmt.Errorf("read outcomes: %w", safe(err))
	}
	return stats, nil
}

func with(m map[string]string, name string, v sql.NullString) map[string]string {
	if !v.Valid {
		return m
	}
	if m == nil {
		m = make(map[string]string, 2)
	}
	m[name] = v.String
	return m
}

func count(s *events.DatabaseStats, result string) error {
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
	default:
		return fmt.Errorf("read outcomes: result %q is unknown", result)
	}
	return nil
}
