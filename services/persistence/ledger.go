package persistence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// errWrittenMeanwhile means that another attempt at the job has written it since this one
// looked. The next try finds that.
var errWrittenMeanwhile = errors.New("another attempt has written the job meanwhile")

// isWritten reports whether the job has a ledger row.
func (s *Service) isWritten(ctx context.Context, jobID string) (exists bool, err error) {
	ctx, span := postgres.Span(ctx, "read ledger")
	defer func() { events.EndSpan(span, err) }()
	err = s.db.GetContext(ctx, &exists, `SELECT EXISTS (SELECT FROM job_ledger WHERE job_id = $1)`, jobID)
	if err != nil {
		return false, fmt.Errorf("read ledger: %w", redact(err))
	}
	return exists, nil
}

// claimLedger writes the ledger row of a job, and locks it until the transaction ends. It
// returns false if an earlier transaction of the same attempt has written it. Two workers
// on one job meet here: the second waits until the first one's transaction ends. It is an
// errWrittenMeanwhile when the row is another attempt's.
func claimLedger(ctx context.Context, tx *sqlx.Tx, job *events.Job, now time.Time) (claimed bool, err error) {
	by, claimed, err := lockLedger(ctx, tx, job, now)
	if err == nil && !claimed && by != job.Trigger {
		err = errWrittenMeanwhile
	}
	return claimed, err
}

// lockLedger returns the trigger of the attempt whose ledger row the job has, 0 where that
// is not known. Without one it writes that of job, and claimed is true.
func lockLedger(ctx context.Context, tx *sqlx.Tx, job *events.Job, now time.Time,
) (by uint64, claimed bool, err error) {
	for {
		res, err := tx.ExecContext(ctx, `INSERT INTO job_ledger (job_id, written_at, trigger_seq) VALUES ($1, $2, $3)
ON CONFLICT (job_id) DO NOTHING`, job.ID, now, job.Trigger)
		if err != nil {
			return 0, false, fmt.Errorf("write ledger: %w", redact(err))
		}
		n, err := res.RowsAffected()
		if err != nil || n > 0 {
			return job.Trigger, n > 0, err
		}
		err = tx.GetContext(ctx, &by, `SELECT coalesce(trigger_seq, 0) FROM job_ledger WHERE job_id = $1 FOR UPDATE`, job.ID)
		switch {
		case errors.Is(err, sql.ErrNoRows): // somebody took it back while this one waited for the lock
		case err != nil:
			return 0, false, fmt.Errorf("read ledger: %w", redact(err))
		default:
			return by, false, nil
		}
	}
}

// takeOver settles what an earlier attempt at the job has written, and reports whether that
// counts as written by this one. What was cancelled is taken back, if nobody has done so yet.
func (s *Service) takeOver(ctx context.Context, job *events.Job) (written bool, err error) {
	err = s.transaction(ctx, true, func(_ *sqlx.Conn, tx *sqlx.Tx) error {
		by, claimed, err := lockLedger(ctx, tx, job, s.now())
		switch {
		case err != nil:
			return err
		case claimed: // it is gone; this attempt has written nothing yet
			return clearLedger(ctx, tx, job.ID)
		case by > job.Trigger:
			return errWrittenMeanwhile // and this attempt's message is an old one
		case by != job.Trigger && by <= job.CancelledTrigger:
			s.logger.InfoContext(ctx, "taking back what a cancelled attempt wrote, before the retry", "job", job.ID)
			return takeBack(ctx, tx, job.ID)
		}
		written = true
		if _, err := tx.ExecContext(ctx, `UPDATE job_ledger SET trigger_seq = $2 WHERE job_id = $1`, job.ID,
			job.Trigger); err != nil {
			return fmt.Errorf("write ledger: %w", redact(err))
		}
		return nil
	})
	return written && err == nil, err
}

// clearLedger deletes the ledger row of a job, and its outcomes with it.
func clearLedger(ctx context.Context, tx *sqlx.Tx, jobID string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM job_ledger WHERE job_id = $1`, jobID); err != nil {
		return fmt.Errorf("clear ledger: %w", redact(err))
	}
	return nil
}
