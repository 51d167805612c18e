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
	undone := false
	err := s.transaction(ctx, true, func(_ *sqlx.Conn, tx *sqlx.Tx) error {
		// A worker that has lost its lease may be about to commit. Locking the
		// ledger waits for it.
		by, claimed, err := lockLedger(ctx, tx, job, s.now())
		switch {
		case err != nil:
			return err
		case claimed:
			return clearLedger(ctx, tx, job.ID)
		case by > job.Trigger:
			return nil // a retry has taken it back, and written the job again
		}
		undone = true
		return takeBack(ctx, tx, job.ID)
	})
	if err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	if undone {
		s.logger.InfoContext(ctx, "undid the members of a cancelled job", "job", job.ID)
	}
	return nil
}

// takeBack restores the members that a job has changed, and clears its ledger row, which
// is locked.
func takeBack(ctx context.Context, tx *sqlx.Tx, jobID string) error {
	for _, step := range []struct{ name, sql string }{
		{"lock members", lockWrittenSQL},
		{"delete members", deleteInsertedSQL},
		{"restore members", restoreUpdatedSQL},
	} {
		if _, err := tx.ExecContext(ctx, step.sql, jobID); err != nil {
			return fmt.Errorf("%s: %w", step.name, redact(err))
		}
	}
	return clearLedger(ctx, tx, jobID)
}

// lockWrittenSQL takes the locks in the same order as lockMembersSQL.
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
FROM job_outcome_rows o WHERE o.job_id = $1 AND o.result = 'updated' AND m.id_number = o.id_number`
}()
