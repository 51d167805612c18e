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

// Page is a page of a list.
type Page struct {
	Entries []Entry
	// Total is how many jobs the whole list has.
	Total int
	// Next is the place after which the next page begins; nil after the last one.
	Next *Place
}

const entryColumns = `job_id, owner_id, file_name, file_size, status, stage, progress, stats, failed_stage,
  failed_attempts, error_code, error_message, created_at, updated_at, completed_at, duration_ms`

// List returns one page of the jobs, newest first. However far back a page is, it is
// found by the sums of the days; only what a search finds is counted job by job.
func (t *Table) List(ctx context.Context, f Filter) (page Page, err error) {
	tx, err := t.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return page, fmt.Errorf("list jobs: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing is written
	at, err := f.locate(ctx, tx)
	if err != nil {
		return page, fmt.Errorf("count jobs: %w", err)
	}
	page = Page{Entries: []Entry{}, Total: at.total}
	where, args := f.where()
	by, after := f.order()
	if !at.from.IsZero() {
		args = append(args, at.from)
		where += fmt.Sprintf(" AND created_at %s $%d", at.compare, len(args))
	}
	if f.After != nil {
		args = append(args, f.After.CreatedAt, f.After.JobID)
		where += fmt.Sprintf(" AND (created_at, job_id) %s ($%d, $%d)", after, len(args)-1, len(args))
	}
	limit := f.Size + 1
	if at.none {
		limit = 0 // asked for all the same: a table that is not there is no empty list
	}
	// What is skipped is read from an index alone.
	query := fmt.Sprintf(`SELECT %s FROM jobs JOIN (
  SELECT job_id FROM jobs WHERE %s ORDER BY %s LIMIT %d OFFSET %d
) page USING (job_id) ORDER BY %s`, entryColumns, where, by, limit, at.skip, by)
	if err := tx.SelectContext(ctx, &page.Entries, query, args...); err != nil {
		return page, fmt.Errorf("list jobs: %w", err)
	}
	if len(page.Entries) > f.Size {
		page.Entries = page.Entries[:f.Size]
		last := page.Entries[f.Size-1]
		page.Next = &Place{CreatedAt: last.CreatedAt.UTC(), JobID: last.JobID}
	}
	for i := range page.Entries {
		e := &page.Entries[i]
		postgres.SetUTC(&e.CreatedAt, &e.UpdatedAt, e.CompletedAt)
	}
	return page, nil
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
