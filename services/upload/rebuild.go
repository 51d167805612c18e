package upload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
)

// Rebuild drops the projection, the table jobs, and makes it again from the
// stream, in one transaction: whoever reads meanwhile sees it as it was, and what
// happens meanwhile is in it or follows. It returns how many jobs there are. It
// needs to read BULK, and rights on the table.
func Rebuild(ctx context.Context, log *events.Log, db *sqlx.DB) (jobs int, err error) {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("rebuild: %w", err)
	}
	defer func() {
		if rerr := tx.Rollback(); !errors.Is(rerr, sql.ErrTxDone) {
			err = errors.Join(err, rerr)
		}
	}()
	if _, err := tx.ExecContext(ctx, "DELETE FROM jobs"); err != nil {
		return 0, fmt.Errorf("rebuild: %w", err)
	}
	for id, err := range log.JobIDs(ctx) {
		if err != nil {
			return jobs, fmt.Errorf("rebuild: %w", err)
		}
		job, err := log.Load(ctx, id)
		if errors.Is(err, events.ErrNotFound) {
			continue // nothing of it can be believed
		}
		if err != nil {
			return jobs, fmt.Errorf("rebuild: %w", err)
		}
		r, err := rowOf(&job)
		if err != nil {
			return jobs, fmt.Errorf("rebuild: %w", err)
		}
		if _, err := tx.NamedExecContext(ctx, upsertJob, r); err != nil {
			return jobs, fmt.Errorf("rebuild: %w", err)
		}
		jobs++
	}
	if err := tx.Commit(); err != nil {
		return jobs, fmt.Errorf("rebuild: %w", err)
	}
	return jobs, nil
}
