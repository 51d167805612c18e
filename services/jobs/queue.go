package jobs

import (
	"context"
	"fmt"

	"github.com/lib/pq"
)

// Positions returns where jobs stand among all that wait for a first look at their
// rows, whoever uploaded them: 1 is the next. Jobs that do not wait are not in it.
func (t *Table) Positions(ctx context.Context, jobIDs ...string) (positions map[string]int, err error) {
	var rows []struct {
		JobID    string `db:"job_id"`
		Position int    `db:"position"`
	}
	err = t.db.SelectContext(ctx, &rows, `SELECT job_id, position FROM (
  SELECT job_id, row_number() OVER (ORDER BY created_at, job_id) AS position FROM jobs WHERE status = 'pending'
) waiting WHERE job_id = ANY($1)`, pq.Array(jobIDs))
	if err != nil {
		return nil, fmt.Errorf("count the queue: %w", err)
	}
	positions = make(map[string]int, len(rows))
	for _, row := range rows {
		positions[row.JobID] = row.Position
	}
	return positions, nil
}
