package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rollcall.example/events"
)

// Rebuild empties the table and fills it again from the log, in one transaction:
// whoever reads meanwhile sees it as it was, and what happens meanwhile is in it
// or follows. It returns how many jobs there are. It needs DELETE on the table.
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
	if _, err := tx.ExecContext(ctx, "DELETE FROM jobs"); err != nil {
		return 0, err
	}
	for id, err := range t.log.JobIDs(ctx) {
		if err != nil {
			return jobs, err
		}
		job, err := t.log.Load(ctx, id)
		if errors.Is(err, events.ErrNotFound) {
			continue // nothing of it can be believed
		}
		if err == nil {
			err = upsert(ctx, tx, &job)
		}
		if err != nil {
			return jobs, err
		}
		jobs++
	}
	return jobs, tx.Commit()
}
