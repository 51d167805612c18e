package upload

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rollcall.example/events"
)

// row is a job in the table jobs: a pure function of its facts, so the table
// can be dropped and made again.
type row struct {
	JobID        string     `db:"job_id"`
	Seq          int64      `db:"seq"`
	OwnerID      string     `db:"owner_id"`
	OwnerRole    string     `db:"owner_role"`
	FileName     string     `db:"file_name"`
	FileSize     int64      `db:"file_size"`
	FileSHA256   *string    `db:"file_sha256"` // nil in rows from before the column
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
}

// figures are the statistics that a job knows so far.
type figures struct {
	Validation *events.ValidationStats `json:"validation_stats,omitempty"`
	IEC        *events.IECStats        `json:"iec_stats,omitempty"`
	Database   *events.DatabaseStats   `json:"database_stats,omitempty"`
}

var rowColumns = []string{
	"job_id", "seq", "owner_id", "owner_role", "file_name", "file_size", "file_sha256", "status", "stage", "progress", "stats",
	"failed_stage", "failed_attempts", "error_code", "error_message", "created_at", "updated_at", "completed_at", "duration_ms",
}

func rowOf(j *events.Job) (row, error) {
	v := view(j)
	stats, err := json.Marshal(figures{v.Validation, v.IEC, v.Database})
	if err != nil {
		return row{}, fmt.Errorf("project job: %w", err)
	}
	r := row{
		JobID: j.ID, Seq: int64(j.Seq), OwnerID: storable(j.Owner.ID), OwnerRole: storable(j.Owner.Role),
		FileName: storable(j.FileName), FileSize: j.Uploaded.File.Size, FileSHA256: &j.Uploaded.File.SHA256,
		Status: string(v.Status), Stage: string(v.Stage), Progress: v.Progress, Stats: string(stats),
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
	if f := j.Failed; f != nil {
		stage, code, message := string(f.Stage), storable(f.Code), storable(f.Message)
		r.FailedStage, r.Attempts, r.ErrorCode, r.ErrorMessage = &stage, &f.Attempts, &code, &message
	}
	if j.Ended() {
		r.CompletedAt = &j.UpdatedAt
	}
	if j.Reported != nil {
		r.DurationMS = &j.Reported.DurationMS
	}
	return r, nil
}

// storable leaves out what PostgreSQL refuses in a text.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
