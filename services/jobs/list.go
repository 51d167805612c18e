package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// Entry is a job as a list shows it. Times are in UTC.
type Entry struct {
	JobID    string          `db:"job_id" json:"job_id"`
	OwnerID  string          `db:"owner_id" json:"user_id"`
	FileName string          `db:"file_name" json:"file_name"`
	FileSize int64           `db:"file_size" json:"file_size"` // bytes
	Status   events.Status   `db:"status" json:"status"`
	Stage    string          `db:"stage" json:"stage"`
	Progress int             `db:"progress" json:"progress"` // percent
	Stats    json.RawMessage `db:"stats" json:"stats"`       // a Stats
	// FailedStage is the service that gave up, after FailedAttempts; the latter is
	// nil of jobs that failed before there was a column for it.
	FailedStage    *string    `db:"failed_stage" json:"failed_stage"`
	FailedAttempts *int       `db:"failed_attempts" json:"failed_attempts"`
	ErrorCode      *string    `db:"error_code" json:"error_code"`
	ErrorMessage   *string    `db:"error_message" json:"error_message"`
	CreatedAt      time.Time  `db:"created_at" json:"created_at"`
	UpdatedAt      time.Time  `db:"updated_at" json:"updated_at"`
	CompletedAt    *time.Time `db:"completed_at" json:"completed_at"` // nil before the job has ended
	DurationMS     *int64     `db:"duration_ms" json:"processing_duration_ms"`
}

// List returns one page of the jobs, newest first, and how many there are on all.
func (t *Table) List(ctx context.Context, f Filter) (page []Entry, total int, err error) {
	where, args := f.where()
	if err := t.db.GetContext(ctx, &total, `SELECT count(*) FROM jobs WHERE `+where, args...); err != nil {
		return nil, 0, fmt.Errorf("count jobs: %w", err)
	}
	page = []Entry{}
	query := fmt.Sprintf(`SELECT job_id, owner_id, file_name, file_size, status, stage, progress, stats,
  failed_stage, failed_attempts, error_code, error_message, created_at, updated_at, completed_at, duration_ms
FROM jobs WHERE %s ORDER BY %s LIMIT %d OFFSET %d`, where, f.order(), f.Size, int64(f.Page-1)*int64(f.Size))
	if err := t.db.SelectContext(ctx, &page, query, args...); err != nil {
		return nil, 0, fmt.Errorf("list jobs: %w", err)
	}
	for i := range page {
		postgres.SetUTC(&page[i].CreatedAt, &page[i].UpdatedAt, page[i].CompletedAt)
	}
	return page, total, nil
}

// Seq returns the sequence of the newest event that the table has seen of a job, 0
// where it has seen none.
func (t *Table) Seq(ctx context.Context, jobID string) (seq uint64, err error) {
	err = t.db.GetContext(ctx, &seq, `SELECT seq FROM jobs WHERE job_id = $1`, jobID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read the list of jobs: %w", err)
	}
	return seq, nil
}
