package upload

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"rollcall.example/events"
)

const (
	defaultPage = 20
	maxPage     = 100
)

var allStatuses = []events.Status{events.StatusPending, events.StatusProcessing, events.StatusPaused,
	events.StatusCompleted, events.StatusFailed, events.StatusCancelled}

// listed is a job as it stands in the table.
type listed struct {
	JobID    string          `db:"job_id" json:"job_id"`
	OwnerID  string          `db:"owner_id" json:"user_id"`
	FileName string          `db:"file_name" json:"file_name"`
	FileSize int64           `db:"file_size" json:"file_size"`
	Status   events.Status   `db:"status" json:"status"`
	Stage    string          `db:"stage" json:"stage"`
	Progress int             `db:"progress" json:"progress"`
	Stats    json.RawMessage `db:"stats" json:"stats"`
	// FailedStage is the service that gave up, after FailedAttempts; the latter is
	// not known of jobs that failed before there was a column for it.
	FailedStage    *string    `db:"failed_stage" json:"failed_stage"`
	FailedAttempts *int       `db:"failed_attempts" json:"failed_attempts"`
	ErrorCode      *string    `db:"error_code" json:"error_code"`
	ErrorMessage   *string    `db:"error_message" json:"error_message"`
	CreatedAt      time.Time  `db:"created_at" json:"created_at"`
	UpdatedAt      time.Time  `db:"updated_at" json:"updated_at"`
	CompletedAt    *time.Time `db:"completed_at" json:"completed_at"`
	DurationMS     *int64     `db:"duration_ms" json:"processing_duration_ms"`
}

// history lists jobs, newest first: the person's own, or for administrators all.
func (s *Service) history(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	page, err := number(r, "page", 1, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	size, err := number(r, "page_size", defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	status := r.URL.Query().Get("status")
	if status != "" && !slices.Contains(allStatuses, events.Status(status)) {
		return nil, refuse("bad_request", "status must be one of pending, processing, paused, completed, failed and cancelled.")
	}
	const where = ` FROM jobs WHERE ($1 = '' OR owner_id = $1) AND ($2 = '' OR status = $2)`
	var total int
	if err := s.cfg.DB.GetContext(r.Context(), &total, `SELECT count(*)`+where, scope(who), status); err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	jobs := []listed{}
	err = s.cfg.DB.SelectContext(r.Context(), &jobs, `SELECT job_id, owner_id, file_name, file_size, status, stage, progress, stats,
  failed_stage, failed_attempts, error_code, error_message, created_at, updated_at, completed_at, duration_ms`+where+`
ORDER BY created_at DESC, job_id DESC LIMIT $3 OFFSET $4`, scope(who), status, size, int64(page-1)*int64(size))
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	for i := range jobs {
		// The driver gives times in the server's zone.
		jobs[i].CreatedAt, jobs[i].UpdatedAt = jobs[i].CreatedAt.UTC(), jobs[i].UpdatedAt.UTC()
		utc(jobs[i].CompletedAt)
	}
	return &result{message: fmt.Sprintf("%d jobs.", total), data: map[string]any{
		"jobs": jobs, "total": total, "page": page, "page_size": size,
	}}, nil
}

// scope is whose jobs a person sees, "" for all.
func scope(who Principal) string {
	if who.Admin {
		return ""
	}
	return who.ID
}

func number(r *http.Request, name string, otherwise, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refuse("bad_request", fmt.Sprintf("%s must be a number from 1 to %d.", name, most))
	}
	return n, nil
}

// stats adds up the jobs that the person sees.
func (s *Service) stats(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	var rows []struct {
		Status  events.Status `db:"status"`
		Jobs    int           `db:"jobs"`
		Records int64         `db:"records"`
		Inserts int64         `db:"inserts"`
		Updates int64         `db:"updates"`
	}
	err := s.cfg.DB.SelectContext(r.Context(), &rows, `SELECT status, count(*) AS jobs,
  coalesce(sum((stats->'validation_stats'->>'total_records')::bigint), 0) AS records,
  coalesce(sum((stats->'database_stats'->>'inserts')::bigint) FILTER (WHERE NOT dry), 0) AS inserts,
  coalesce(sum((stats->'database_stats'->>'updates')::bigint) FILTER (WHERE NOT dry), 0) AS updates
FROM (SELECT *, coalesce((stats->'database_stats'->>'dry_run')::bool, false) AS dry FROM jobs) jobs WHERE $1 = '' OR owner_id = $1 GROUP BY status`, scope(who))
	if err != nil {
		return nil, fmt.Errorf("sum up jobs: %w", err)
	}
	var took sql.NullFloat64
	err = s.cfg.DB.GetContext(r.Context(), &took, `SELECT avg(duration_ms) FROM jobs WHERE status = 'completed' AND ($1 = '' OR owner_id = $1)`, scope(who))
	if err != nil {
		return nil, fmt.Errorf("sum up jobs: %w", err)
	}
	byStatus := map[events.Status]int{}
	for _, status := range allStatuses {
		byStatus[status] = 0
	}
	var jobs int
	var records, inserts, updates int64
	for _, row := range rows {
		byStatus[row.Status] = row.Jobs
		jobs += row.Jobs
		records, inserts, updates = records+row.Records, inserts+row.Inserts, updates+row.Updates
	}
	return &result{message: fmt.Sprintf("%d jobs.", jobs), data: map[string]any{
		"total_jobs": jobs, "by_status": byStatus, "total_records": records, "inserts": inserts, "updates": updates,
		"average_duration_ms": int64(took.Float64),
	}}, nil
}

// rateLimit tells how much of the hourly quota of IEC calls is spent.
func (s *Service) rateLimit(_ http.ResponseWriter, r *http.Request, _ Principal) (*result, error) {
	q, err := s.cfg.Quota(r.Context())
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"current_count": q.Used, "max_limit": q.Limit, "remaining": max(q.Limit-q.Used, 0),
		"percentage_used": math.Round(1000*float64(q.Used)/float64(q.Limit)) / 10, "is_limited": q.Used >= q.Limit, "reset_time": nil,
	}
	if !q.ResetAt.IsZero() {
		data["reset_time"] = q.ResetAt
	}
	return &result{message: fmt.Sprintf("%d of %d calls to the IEC are spent.", q.Used, q.Limit), data: data}, nil
}
