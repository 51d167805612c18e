package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lib/pq"

	"rollcall.example/events"
)

// Rebuild makes the table what the log says, in one pass over the log and in one
// transaction: whoever reads meanwhile sees it as it was, and what happens meanwhile is
// in it or follows. Its sums are made anew, too. It returns how many jobs there are. A job with an event of a newer
// rollcall keeps the row that it has, and is not counted. Rebuild needs DELETE on the
// table.
func (t *Table) Rebuild(ctx context.Context) (jobs int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("rebuild: %w", err)
		}
	}()
	tx, err := t.db.BeginTxx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() {
		if rerr := tx.Rollback(); !errors.Is(rerr, sql.ErrTxDone) {
			err = errors.Join(err, rerr)
		}
	}()
	var had []string
	if err := tx.SelectContext(ctx, &had, "SELECT job_id FROM jobs"); err != nil {
		return 0, err
	}
	seen := map[string]bool{} // whether the row was made anew
	_, err = t.log.Changes(ctx, 0, func(c events.Change) error {
		switch {
		case errors.Is(c.Err, events.ErrNotFound):
			return nil // nothing of it can be believed
		case c.Err != nil:
			t.logger.WarnContext(ctx, "job left as it is in the table", "job", c.JobID, "err", c.Err)
			if _, ok := seen[c.JobID]; !ok {
				seen[c.JobID] = false
			}
			return nil
		}
		if seen[c.JobID] { // a newer state of the same job
			return save(ctx, tx, upsertJob, &c.Job)
		}
		seen[c.JobID] = true
		jobs++
		return save(ctx, tx, replaceJob, &c.Job)
	})
	if err != nil {
		return jobs, err
	}
	var gone []string
	for _, id := range had {
		if _, ok := seen[id]; !ok {
			gone = append(gone, id)
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM jobs WHERE job_id = ANY ($1)", pq.Array(gone)); err != nil {
		return jobs, err
	}
	if err := remakeSums(ctx, tx); err != nil {
		return jobs, err
	}
	return jobs, tx.Commit()
}
