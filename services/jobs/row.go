package jobs

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// row is a job in the table jobs: a pure function of its facts.
type row struct {
	JobID        string     `db:"job_id"`
	Seq          int64      `db:"seq"`
	OwnerID      string     `db:"owner_id"`
	OwnerRole    string     `db:"owner_role"`
	FileName     string     `db:"file_name"`
	FileSize     int64      `db:"file_size"`
	FileSHA256   *string    `db:"file_sha256"` // nil in rows from before the column
	StoredBytes  int64      `db:"stored_bytes"`
	Status       string     `db:"status"`
	Stage        string     `db:"stage"`
	Progress     int        `db:"progress"`
	Stats        string     `db:"stats"`
	FailedStage  *string    `db:"failed_stage"`
	Attempts     *int       `db:"failed_attempts"`
	ErrorCode    *string    `db:"error_code"`
	ErrorMessage *string    `db:"error_message"`
	CreatedAt    time.Time  `db:"created_at"`
	UpdatedAt    time.Time  `db:"updated_at"`
	CompletedAt  *time.Time `db:"completed_at"`
	DurationMS   *int64     `db:"duration_ms"`
	Completes    *string    `db:"completes"` // nil for most jobs
}

var rowColumns = []string{
	"job_id", "seq", "owner_id", "owner_role", "file_name", "file_size", "file_sha256", "stored_bytes",
	"status", "stage", "progress", "stats", "failed_stage", "failed_attempts", "error_code", "error_message",
	"created_at", "updated_at", "completed_at", "duration_ms", "completes",
}

// Stats are the statistics that a job has so far; nil is none yet.
type Stats struct {
	Validation *events.ValidationStats `json:"validation_stats,omitempty"`
	IEC        *events.IECStats        `json:"iec_stats,omitempty"`
	Database   *events.DatabaseStats   `json:"database_stats,omitempty"`
	// FileWarnings say what is remarkable about the file as a whole.
	FileWarnings []events.FileWarning `json:"file_warnings,omitempty"`
}

// StatsOf returns the statistics of a job, those of its report where there is one.
// What the IEC said of rows that wait for somebody of another area does not count.
// Before it is known which rows wait, a job of which some may wait has no statistics
// of the IEC.
func StatsOf(j *events.Job) Stats {
	var s Stats
	if f := j.Validated; f != nil {
		s.Validation, s.FileWarnings = &f.Stats, f.FileWarnings
	}
	if f := j.Verified; f != nil && !j.MayWait() {
		s.IEC = &f.Stats
	}
	visible := func(counted *events.IECStats) *events.IECStats {
		if counted == nil && j.Verified != nil {
			return &j.Verified.Stats // no row waits
		}
		return counted
	}
	if f := j.Proposed; f != nil {
		s.IEC, s.Database = visible(f.IEC), &f.Stats
	}
	if f := j.Persisted; f != nil {
		s.IEC, s.Database = visible(f.IEC), &f.Stats
	}
	if f := j.Reported; f != nil {
		s.Validation, s.Database = &f.Validation, &f.Database
	}
	return s
}

func rowOf(j *events.Job) (row, error) {
	stats, err := json.Marshal(StatsOf(j))
	if err != nil {
		return row{}, fmt.Errorf("encode statistics: %w", err)
	}
	r := row{
		JobID: j.ID, Seq: int64(j.Seq), OwnerID: postgres.CleanText(j.Owner.ID), OwnerRole: postgres.CleanText(j.Owner.Role),
		FileName: postgres.CleanText(j.FileName), FileSize: j.Uploaded.File.Size, FileSHA256: &j.Uploaded.File.SHA256,
		StoredBytes: storedBytes(j),
		Status:      string(j.Status), Stage: string(j.Standing.Step), Progress: j.Standing.Percent, Stats: string(stats),
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
	if f := j.Failed; f != nil {
		stage, code, message := string(f.Stage), postgres.CleanText(f.Code), postgres.CleanText(f.Message)
		r.FailedStage, r.Attempts, r.ErrorCode, r.ErrorMessage = &stage, &f.Attempts, &code, &message
	}
	if j.Ended() {
		r.CompletedAt = &j.UpdatedAt
	}
	if j.Reported != nil {
		r.DurationMS = &j.Reported.DurationMS
	}
	if j.Options.Completes != "" {
		r.Completes = &j.Options.Completes
	}
	return r, nil
}

// storedBytes returns how many bytes are kept of a job. What an undo shares with the
// job that it undoes is that job's.
func storedBytes(j *events.Job) (n int64) {
	for _, a := range j.Artifacts() {
		if strings.HasPrefix(a.Name, j.ID+"/") {
			n += a.Size
		}
	}
	return n
}
