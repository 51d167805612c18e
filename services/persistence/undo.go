package persistence

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
)

// Undo leaves the database as it was before the job was written: for a
// cancellation that came between the commit and the fact. It is an
// events.Runner's Undo. What another job has written since stays: a member that
// it changed is kept, and so is each value that is no longer the one this job
// wrote.
func (s *Service) Undo(ctx context.Context, job *events.Job) error {
	err := s.transaction(ctx, true, func(_ *sqlx.Conn, tx *sqlx.Tx) error {
		// A worker that lost its lease may be about to commit: whoever writes the
		// ledger's row second waits for the first. Ours goes again in the end.
		if _, err := tx.ExecContext(ctx, `INSERT INTO job_ledger (job_id, written_at) VALUES ($1, $2) ON CONFLICT (job_id) DO NOTHING`, job.ID, s.now()); err != nil {
			return fmt.Errorf("write ledger: %w", safe(err))
		}
		res, err := tx.ExecContext(ctx, `SELECT FROM job_outcomes WHERE job_id = $1 LIMIT 1`, job.ID)
		if err != nil {
			return fmt.Errorf("read outcomes: %w", safe(err))
		}
		written, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("read outcomes: %w", safe(err))
		}
		for _, step := range []struct{ name, sql string }{
			{"lock members", lockWritten}, {"delete members", deleteInserted}, {"restore members", restoreUpdated},
			{"clear ledger", `DELETE FROM job_ledger WHERE job_id = $1`},
		} {
			if _, err := tx.ExecContext(ctx, step.sql, job.ID); err != nil {
				return fmt.Errorf("%s: %w", step.name, safe(err))
			}
		}
		if written > 0 {
			s.logger.InfoContext(ctx, "members of a cancelled job taken back", "job", job.ID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return nil
}

// lockWritten takes the locks in the order in which writing takes them.
const lockWritten = `SELECT FROM members m JOIN job_outcomes o USING (id_number)
WHERE o.job_id = $1 AND o.result IN ('inserted', 'updated') ORDER BY m.id_number FOR UPDATE OF m`

const deleteInserted = `DELETE FROM members m USING job_outcomes o
WHERE o.job_id = $1 AND o.result = 'inserted' AND m.id_number = o.id_number AND m.updated_by_job = $1`

// restoreUpdated puts the images from before back. The images lack what was
// NULL. Who changed the member last is known again only if nobody did since.
var restoreUpdated = func() string {
	var set []string
	for _, c := range columns {
		typ := c.typ
		if typ == "" {
			typ = "text"
		}
		set = append(set, fmt.Sprintf(`%[1]s = CASE WHEN '%[1]s' = ANY (o.changed) AND m.%[1]s IS NOT DISTINCT FROM (o.after->>'%[1]s')::%[2]s
    THEN (o.before->>'%[1]s')::%[2]s ELSE m.%[1]s END`, c.name, typ))
	}
	for _, c := range [][2]string{{"updated_at", "timestamptz"}, {"updated_by_job", "text"}} {
		set = append(set, fmt.Sprintf(`%[1]s = CASE WHEN m.updated_by_job = $1 THEN (o.before->>'%[1]s')::%[2]s ELSE m.%[1]s END`, c[0], c[1]))
	}
	return `UPDATE members m SET ` + strings.Join(set, ",\n  ") + `
FROM job_outcomes o WHERE o.job_id = $1 AND o.result = 'updated' AND m.id_number = o.id_number`
}()
