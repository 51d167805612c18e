package persistence

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/stage"
)

// undoJob writes a job that undoes another one. In one transaction it restores
// the values before that job of the members it updated, and removes those it
// inserted. A member that another job has changed since is left as it is and
// named in the outcomes: restoring some of its values would mix two versions of
// a member.
//
// Of a member outside of one of the two areas, that of the undone job and that of
// whoever undoes it, nothing is shown, and nothing is to be undone: the undone job
// wrote members of its area only, and another job has moved this one since.
func (s *Service) undoJob(ctx context.Context, job *events.Job, undoneArea events.Area, progress func(int, string),
	storeOutcomes outcomesStep) error {
	undone := job.Options.Undoes
	areas := []*access.Bounds{access.NewBounds(undoneArea), access.NewBounds(job.Area())}
	lock, everywhere := lockWrittenSQL, areas[0].Everywhere() && areas[1].Everywhere()
	if !everywhere {
		lock = lockAllSQL
	}
	return s.transaction(ctx, true, func(_ *sqlx.Conn, tx *sqlx.Tx) error {
		step := func(name, sql string, args ...any) (int64, error) {
			res, err := tx.ExecContext(ctx, sql, args...)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, redact(err))
			}
			return res.RowsAffected()
		}
		claimed, err := claimLedger(ctx, tx, job, s.now())
		if err != nil {
			return err
		}
		if !claimed {
			return storeOutcomes(tx, true)
		}
		n, err := step("read ledger", `SELECT FROM job_ledger WHERE job_id = $1 FOR UPDATE`, undone)
		if err != nil {
			return err
		}
		if n == 0 {
			return stage.Reject("nothing_to_undo",
				"What this job wrote is not on record any more, so it cannot be undone.", nil)
		}
		progress(0, "Putting the values back")
		if _, err := step("lock members", lock, undone); err != nil {
			return err
		}
		if !everywhere {
			outside, err := findOutside(ctx, tx, areas, membersOfJobSQL, undone)
			if err != nil {
				return err
			}
			if _, err := step("set aside members outside", recordTransfersSQL, undone, job.ID, pq.Array(outside)); err != nil {
				return err
			}
		}
		if _, err := step("record changes", recordUndoSQL, undone, job.ID); err != nil {
			return err
		}
		if _, err := step("remove members", removeUndoneSQL, job.ID); err != nil {
			return err
		}
		if _, err := step("restore members", restoreUpdatedSQL+onlyUndoneSQL, undone, job.ID); err != nil {
			return err
		}
		return storeOutcomes(tx, false)
	})
}

// recordUndoSQL decides about each row of the job $1 and stores the outcome for
// the undo job $2, with the values that it overwrites.
const recordUndoSQL = `INSERT INTO job_outcome_rows
  (job_id, n, id_number, result, vd_code, changed, before, after, error)
SELECT $2::text, o.n, o.id_number, d.result,
  CASE WHEN d.result = 'updated' AND 'vd_code' = ANY (o.changed) THEN o.before->>'vd_code'
    WHEN d.result NOT IN ('removed', 'unknown') THEN m.vd_code END,
  CASE WHEN d.result = 'updated' THEN o.changed ELSE '{}' END,
  CASE d.result WHEN 'updated' THEN o.after
    WHEN 'removed' THEN jsonb_strip_nulls(to_jsonb(m) - 'row_digest') END,
  CASE WHEN d.result = 'updated' THEN o.before - 'updated_at' - 'updated_by_job' END,
  CASE WHEN d.result = 'kept' THEN coalesce('Changed since by ' || m.updated_by_job || ', so it is left as it is.',
    'The person is no member any more.') END
FROM job_outcomes o LEFT JOIN members m USING (id_number)
CROSS JOIN LATERAL (SELECT CASE
  WHEN o.result = 'unknown' THEN 'unknown'
  WHEN o.result NOT IN ('inserted', 'updated') THEN 'unchanged'
  WHEN m.updated_by_job IS DISTINCT FROM $1 THEN 'kept'
  WHEN o.result = 'inserted' THEN 'removed'
  ELSE 'updated' END AS result) d
WHERE o.job_id = $1 AND NOT EXISTS (SELECT FROM job_outcome_rows u WHERE u.job_id = $2 AND u.n = o.n)`

// lockAllSQL is lockWrittenSQL for all members that the undone job names.
const lockAllSQL = `SELECT FROM members m JOIN job_outcomes o USING (id_number)
WHERE o.job_id = $1 ORDER BY m.id_number FOR UPDATE OF m`

// membersOfJobSQL returns where the members are that a job names. Whom it did not
// know stays unknown, wherever they are.
const membersOfJobSQL = `SELECT o.n, o.result = 'transfer' AS waits, m.id_number IS NULL AS gone, ` +
	placeColumnsSQL + `
FROM job_outcomes o LEFT JOIN members m USING (id_number) WHERE o.job_id = $1 AND o.result <> 'unknown'`

// recordTransfersSQL stores, for the undo job $2, the outcome of rows of the undone job $1.
const recordTransfersSQL = `INSERT INTO job_outcome_rows (job_id, n, id_number, result)
SELECT $2::text, n, id_number, 'transfer' FROM job_outcomes WHERE job_id = $1 AND n = ANY ($3)`

const removeUndoneSQL = `DELETE FROM members m USING job_outcome_rows u
WHERE u.job_id = $1 AND u.result = 'removed' AND m.id_number = u.id_number`

// onlyUndoneSQL narrows restoreUpdatedSQL to the rows that the undo job $2 restores.
const onlyUndoneSQL = ` AND EXISTS (
  SELECT FROM job_outcome_rows u WHERE u.job_id = $2 AND u.n = o.n AND u.result = 'updated')`
