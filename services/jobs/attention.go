package jobs

import (
	"context"
	"fmt"
	"time"

	"rollcall.example/services/postgres"
)

// Reason is why a job waits for somebody.
type Reason string

// The reasons, the most urgent first.
const (
	// ForApproval waits for a decision of somebody else than its owner.
	ForApproval Reason = "approve"
	// ForTransfer has rows that wait for somebody with a larger area.
	ForTransfer Reason = "transfer"
	// ForRepair has failed, and no later job of the same owner has completed the file.
	ForRepair Reason = "failed"
)

// Reasons lists the reasons.
var Reasons = []Reason{ForApproval, ForTransfer, ForRepair}

// Waiter is for whom jobs may wait.
type Waiter struct {
	UserID string
	// Approves and Transfers say that the user may decide about the jobs of others, and
	// may take over rows that wait, anywhere.
	Approves, Transfers bool
}

// WaitingEntry is a job that waits for somebody.
type WaitingEntry struct {
	Entry
	WaitsFor Reason `db:"waits_for" json:"waits_for"`
}

// Waiting returns the jobs that wait for somebody, the most urgent and then the oldest
// first, limit at most, and how many there are on all. A failed job waits for a month.
func (t *Table) Waiting(ctx context.Context, w Waiter, now time.Time, limit int) (
	list []WaitingEntry, total int, err error,
) {
	const found = `SELECT j.*, CASE status WHEN 'awaiting_approval' THEN 'approve' WHEN 'failed' THEN 'failed'
    ELSE 'transfer' END AS waits_for
  FROM jobs j
  WHERE status = 'awaiting_approval' AND $2 AND owner_id <> $1
    OR status = 'failed' AND owner_id = $1 AND created_at > $4 AND NOT EXISTS (SELECT FROM jobs n
      WHERE n.owner_id = j.owner_id AND n.file_sha256 = j.file_sha256 AND n.status = 'completed'
        AND n.created_at > j.created_at)
    OR status = 'completed' AND $3 AND (stats->'database_stats'->>'transfers')::int > 0
      AND NOT coalesce((stats->'database_stats'->>'dry_run')::bool, false)
      AND NOT EXISTS (SELECT FROM jobs c WHERE c.completes = j.job_id
        AND c.status NOT IN ('failed', 'cancelled', 'declined'))`
	args := []any{postgres.CleanText(w.UserID), w.Approves, w.Transfers, now.AddDate(0, -1, 0)}
	if err := t.db.GetContext(ctx, &total, `SELECT count(*) FROM (`+found+`) w`, args...); err != nil {
		return nil, 0, fmt.Errorf("count waiting jobs: %w", err)
	}
	list = []WaitingEntry{}
	err = t.db.SelectContext(ctx, &list, `SELECT waits_for, `+entryColumns+` FROM (`+found+`) w
ORDER BY array_position(ARRAY['approve', 'transfer', 'failed'], waits_for), created_at, job_id LIMIT $5`,
		append(args, limit)...)
	if err != nil {
		return nil, 0, fmt.Errorf("list waiting jobs: %w", err)
	}
	for i := range list {
		postgres.SetUTC(&list[i].CreatedAt, &list[i].UpdatedAt, list[i].CompletedAt)
	}
	return list, total, nil
}

// HourOfCalls is how many requests to the IEC an hour had.
type HourOfCalls struct {
	Hour  time.Time `db:"hour" json:"hour"` // its beginning, in UTC
	Calls int       `db:"calls" json:"calls"`
}

// UserCalls is how many requests to the IEC the jobs of a user have made.
type UserCalls struct {
	UserID string `db:"owner_id" json:"user_id"`
	Calls  int    `db:"calls" json:"calls"`
	Jobs   int    `db:"jobs" json:"jobs"`
}

// callsSQL spreads the requests of each job evenly over the hours in which it ran: which of
// them had how many is not known of a job that ran for longer than one. $1 and $2 bound the
// time, $3 is the owner, the empty text for all.
const callsSQL = `SELECT owner_id, job_id, calls, greatest(created_at, $1) AS begun,
  least(coalesce(completed_at, updated_at), $2) AS ended,
  extract(epoch FROM coalesce(completed_at, updated_at) - created_at) AS took
FROM (SELECT *, (stats->'iec_stats'->>'calls')::int AS calls FROM jobs
  WHERE updated_at >= $1 AND created_at < $2 AND ($3 = '' OR owner_id = $3)) j
WHERE calls > 0 AND coalesce(completed_at, updated_at) >= $1`

// Calls returns the requests to the IEC between two times by hour, those of all hours, and
// by user, those who made most first. It counts jobs whose rows the IEC has answered for;
// an owner of "" means those of all.
func (t *Table) Calls(ctx context.Context, owner string, from, to time.Time) (
	hours []HourOfCalls, users []UserCalls, err error,
) {
	hours, users = []HourOfCalls{}, []UserCalls{}
	args := []any{from, to, postgres.CleanText(owner)}
	err = t.db.SelectContext(ctx, &hours, `SELECT hour, coalesce(round(sum(calls * CASE WHEN took <= 0 THEN 1
  ELSE greatest(extract(epoch FROM least(ended, hour + interval '1 hour') - greatest(begun, hour)), 0) / took END)), 0)
  ::int AS calls
FROM generate_series(date_trunc('hour', $1::timestamptz), $2::timestamptz - interval '1 microsecond',
  interval '1 hour') hour
LEFT JOIN (`+callsSQL+`) j ON begun < hour + interval '1 hour' AND ended >= hour AND (took > 0 OR begun >= hour)
GROUP BY hour ORDER BY hour`, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("count calls by hour: %w", err)
	}
	for i := range hours {
		hours[i].Hour = hours[i].Hour.UTC()
	}
	err = t.db.SelectContext(ctx, &users, `SELECT owner_id, sum(calls) AS calls, count(*) AS jobs
FROM (`+callsSQL+`) j GROUP BY owner_id ORDER BY calls DESC, owner_id LIMIT 50`, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("count calls by user: %w", err)
	}
	return hours, users, nil
}
