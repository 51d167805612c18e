package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// sumsLock is the advisory lock of whoever makes one sum of many.
	sumsLock = 0x73756d73 // "sums"
	// sumEvery is how often sums are made one, and sumTime is for it.
	sumEvery = time.Minute
	sumTime  = 30 * time.Second
)

// keepSums makes one sum of many until ctx ends: each change of a job adds some.
func (t *Table) keepSums(ctx context.Context) {
	tick := time.NewTicker(sumEvery)
	defer tick.Stop()
	for {
		if err := t.mergeSums(ctx); err != nil && ctx.Err() == nil {
			t.logger.WarnContext(ctx, "sums of jobs stay in parts", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// mergeSums makes one sum of many, unless somebody else does.
func (t *Table) mergeSums(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sumTime)
	defer cancel()
	tx, err := t.db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("merge sums: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	var mine bool
	if err := tx.GetContext(ctx, &mine, `SELECT pg_try_advisory_xact_lock($1)`, sumsLock); err != nil || !mine {
		return errors.Join(err)
	}
	// One statement: it adds what it deletes, and nothing that comes meanwhile.
	_, err = tx.ExecContext(ctx, `WITH parts AS (
  DELETE FROM job_sums WHERE (owner_id, day, status) IN (
    SELECT owner_id, day, status FROM job_sums GROUP BY owner_id, day, status HAVING count(*) > 1) RETURNING *
)
INSERT INTO job_sums SELECT owner_id, day, status, sum(jobs), sum(records), sum(inserts), sum(updates),
  sum(timed), sum(duration_ms), sum(stored_bytes)
FROM parts GROUP BY owner_id, day, status
HAVING sum(jobs) <> 0 OR sum(records) <> 0 OR sum(stored_bytes) <> 0`)
	if err != nil {
		return fmt.Errorf("merge sums: %w", err)
	}
	return tx.Commit()
}

// remakeSums makes all sums anew from the table. It holds the lock on them for as long as
// tx lasts.
func remakeSums(ctx context.Context, tx *sqlx.Tx) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, sumsLock); err != nil {
		return fmt.Errorf("remake sums: %w", err)
	}
	// One statement: what others add meanwhile it neither deletes nor counts.
	_, err := tx.ExecContext(ctx, `WITH old AS (DELETE FROM job_sums) INSERT INTO job_sums SELECT * FROM job_sums_now`)
	if err != nil {
		return fmt.Errorf("remake sums: %w", err)
	}
	return nil
}
