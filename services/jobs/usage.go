package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// lockSpace keeps the locks of users apart from all others in the database.
const lockSpace = 0x726f6c6c // "roll"

// Usage returns how much a user has uploaded since a time, over all replicas.
func (t *Table) Usage(ctx context.Context, userID string, since time.Time) (events.Usage, error) {
	return usage(ctx, t.db, userID, since)
}

// Claim is Usage for one upload of the user at a time: other Claims of any replica
// wait until release is called, when the upload is in the table. It holds a
// connection until then, and no longer than ctx.
func (t *Table) Claim(ctx context.Context, userID string, since time.Time) (u events.Usage, release func(), err error) {
	tx, err := t.db.BeginTxx(ctx, nil)
	if err != nil {
		return u, nil, fmt.Errorf("lock user: %w", err)
	}
	// Nothing is written; the lock goes with the connection in any case.
	release = func() { _ = tx.Rollback() }
	_, err = tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1, hashtext($2))`, lockSpace, postgres.CleanText(userID))
	if err != nil {
		release()
		return u, nil, fmt.Errorf("lock user: %w", err)
	}
	if u, err = usage(ctx, tx, userID, since); err != nil {
		release()
		return u, nil, err
	}
	return u, release, nil
}

func usage(ctx context.Context, db sqlx.QueryerContext, userID string, since time.Time) (events.Usage, error) {
	userID = postgres.CleanText(userID)
	var had struct {
		Open   int          `db:"open"`
		Recent int          `db:"recent"`
		Oldest sql.NullTime `db:"oldest"`
		Stored int64        `db:"stored"`
	}
	// In one statement, which sees one state of both tables.
	err := sqlx.GetContext(ctx, db, &had, `SELECT sums.*, recent.* FROM (
  SELECT coalesce(sum(jobs) FILTER (WHERE status IN ('pending', 'processing', 'paused')), 0)::bigint AS open,
    coalesce(sum(stored_bytes), 0)::bigint AS stored FROM job_sums WHERE owner_id = $1
) sums, (
  SELECT count(*) AS recent, min(created_at) AS oldest FROM jobs WHERE owner_id = $1 AND created_at > $2
) recent`, userID, since)
	if err != nil {
		return events.Usage{}, fmt.Errorf("count uploads: %w", err)
	}
	return events.Usage{Open: had.Open, Recent: had.Recent, Oldest: had.Oldest.Time, Stored: had.Stored}, nil
}

// FindSameFile returns the newest completed job of a user for a file of these
// bytes, "" for none.
func (t *Table) FindSameFile(ctx context.Context, userID, sha256 string) (jobID string, err error) {
	var ids []string
	err = t.db.SelectContext(ctx, &ids, `SELECT job_id FROM jobs
WHERE owner_id = $1 AND file_sha256 = $2 AND status = 'completed' ORDER BY created_at DESC LIMIT 1`,
		postgres.CleanText(userID), sha256)
	if err != nil {
		return "", fmt.Errorf("find job of the same file: %w", err)
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0], nil
}
