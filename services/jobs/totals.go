package jobs

import (
	"context"
	"database/sql"
	"fmt"

	"rollcall.example/events"
)

// Totals are sums over jobs. Dry runs count as jobs and records, but write nothing.
type Totals struct {
	Jobs     int                   `json:"total_jobs"`
	ByStatus map[events.Status]int `json:"by_status"` // has all of events.Statuses
	Records  int64                 `json:"total_records"`
	Inserts  int64                 `json:"inserts"`
	Updates  int64                 `json:"updates"`
	// AverageMS is the mean processing time of completed jobs in milliseconds, 0
	// where there are none.
	AverageMS int64 `json:"average_duration_ms"`
}

// Totals adds up the jobs of a user; an owner of "" means those of all.
func (t *Table) Totals(ctx context.Context, owner string) (Totals, error) {
	var rows []struct {
		Status  events.Status `db:"status"`
		Jobs    int           `db:"jobs"`
		Records int64         `db:"records"`
		Inserts int64         `db:"inserts"`
		Updates int64         `db:"updates"`
	}
	err := t.db.SelectContext(ctx, &rows, `SELECT status, count(*) AS jobs,
  coalesce(sum((stats->'validation_stats'->>'total_records')::bigint), 0) AS records,
  coalesce(sum((stats->'database_stats'->>'inserts')::bigint) FILTER (WHERE NOT dry), 0) AS inserts,
  coalesce(sum((stats->'database_stats'->>'updates')::bigint) FILTER (WHERE NOT dry), 0) AS updates
FROM (SELECT *, coalesce((stats->'database_stats'->>'dry_run')::bool, false) AS dry FROM jobs) jobs
WHERE $1 = '' OR owner_id = $1 GROUP BY status`, owner)
	if err != nil {
		return Totals{}, fmt.Errorf("sum up jobs: %w", err)
	}
	var mean sql.NullFloat64
	err = t.db.GetContext(ctx, &mean,
		`SELECT avg(duration_ms) FROM jobs WHERE status = 'completed' AND ($1 = '' OR owner_id = $1)`, owner)
	if err != nil {
		return Totals{}, fmt.Errorf("sum up jobs: %w", err)
	}
	sums := Totals{ByStatus: map[events.Status]int{}, AverageMS: int64(mean.Float64)}
	for _, status := range events.Statuses {
		sums.ByStatus[status] = 0
	}
	for _, row := range rows {
		sums.ByStatus[row.Status] = row.Jobs
		sums.Jobs += row.Jobs
		sums.Records += row.Records
		sums.Inserts += row.Inserts
		sums.Updates += row.Updates
	}
	return sums, nil
}
