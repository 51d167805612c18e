package persistence

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
)

// Undo restores the database to what it was before the job was written. It is a
// stage.Runner's Undo, for a job that is cancelled after the commit and before
// its fact is stored. What other jobs have written since stays: a member that
// another job changed is not deleted, and a value that is no longer the one this
// job wrote is not restored. Undo may be called again.
func (s *Service) Undo(ctx context.Context, job *events.Job) error {
	err := s.transaction(ctx, true, func(_ *sqlx.Conn, tx *sqlx.Tx) error {
		// A worker that has lost its lease may be about to commit. Claiming the
		// ledger waits for it; "clear ledger" below deletes the row again.
		if _, err := claimLedger(ctx, tx, job.ID, s.now()); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `SELECT FROM job_outcomes WHERE job_id = $1 LIMIT 1`, job.ID)
		if err != nil {
			return fmt.Errorf("read outcomes: %w", redact(err))
		}
		written, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("read outcomes: %w", redact(err))
		}
		for _, step := range []struct{ name, sql string }{
			{"lock members", lockWrittenSQL},
			{"delete members", deleteInsertedSQL},
			{"restore members", restoreUpdatedSQL},
			{"clear ledger", `DELETE FROM job_ledger WHERE job_id = $1`},
		} {
			if _, err := tx.ExecContext(ctx, step.sql, job.ID); err != nil {
				return fmt.Errorf("%s: %w", step.name, redact(err))
			}
		}
		if written > 0 {
			s.logger.InfoContext(ctx, "undid the members of a cancelled job", "job", job.ID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

// lockWrittenSQL takes the locks in the same order as insertNewSQL.
const lockWrittenSQL = `SELECT FROM members m JOIN job_outcomes o USING (id_number)
WHERE o.job_id = $1 AND o.result IN ('inserted', 'updated') ORDER BY m.id_number FOR UPDATE OF m`

const deleteInsertedSQL = `DELETE FROM members m USING job_outcomes o
WHERE o.job_id = $1 AND o.result = 'inserted' AND m.id_number = o.id_number AND m.updated_by_job = $1`

// restoreUpdatedSQL writes the values before the job back; a value missing in
// before was NULL. It restores updated_at and updated_by_job only if no other job
// has changed the member since.
var restoreUpdatedSQL = func() string {
	var set []string
	for _, c := range columns {
		typ := c.typ
		if typ == "" {
			typ = "text"
		}
		set = append(set, fmt.Sprintf(`%[1]s = CASE
    WHEN '%[1]s' = ANY (o.changed) AND m.%[1]s IS NOT DISTINCT FROM (o.after->>'%[1]s')::%[2]s
    THEN (o.before->>'%[1]s')::%[2]s ELSE m.%[1]s END`, c.name, typ))
	}
	for _, c := range [][2]string{{"updated_at", "timestamptz"}, {"updated_by_job", "text"}} {
		set = append(set, fmt.Sprintf(
			`%[1]s = CASE WHEN m.updated_by_job = $1 THEN (o.before->>'%[1]s')::%[2]s ELSE m.%[1]s END`, c[0], c[1]))
	}
	return `UPDATE members m SET ` + strings.Join(set, ",\n  ") + `
FROM job_outcomes o WHERE o.job_id = $1 AND o.result = 'updated' AND m.id_number = o.id_number`
}()
