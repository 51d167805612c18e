package jobs

import (
	"context"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
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
		Status     events.Status `db:"status"`
		Jobs       int           `db:"jobs"`
		Records    int64         `db:"records"`
		Inserts    int64         `db:"inserts"`
		Updates    int64         `db:"updates"`
		Timed      int64         `db:"timed"`
		DurationMS int64         `db:"duration_ms"`
	}
	err := t.db.SelectContext(ctx, &rows, `SELECT status, sum(jobs) AS jobs, sum(records) AS records,
  sum(inserts) AS inserts, sum(updates) AS updates, sum(timed) AS timed, sum(duration_ms) AS duration_ms
FROM job_sums WHERE owner_id = $1 GROUP BY status HAVING sum(jobs) > 0`, postgres.CleanText(owner))
	if err != nil {
		return Totals{}, fmt.Errorf("sum up jobs: %w", err)
	}
	sums := Totals{ByStatus: map[events.Status]int{}}
	for _, status := range events.Statuses {
		sums.ByStatus[status] = 0
	}
	for _, row := range rows {
		sums.ByStatus[row.Status] = row.Jobs
		sums.Jobs += row.Jobs
		sums.Records += row.Records
		sums.Inserts += row.Inserts
		sums.Updates += row.Updates
		if row.Status == events.StatusCompleted && row.Timed > 0 {
			sums.AverageMS = row.DurationMS / row.Timed
		}
	}
	return sums, nil
}
