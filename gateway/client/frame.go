package client

import (
	"encoding/json"
	"fmt"
	"time"

	"rollcall.example/events"
)

// Events of frames. Those that are not Complete, Failed or Erased are progress.
const (
	EventProgress    = "bulk_upload_progress"
	EventComplete    = "bulk_upload_complete"
	EventFailed      = "bulk_upload_failed"
	EventRateLimit   = "iec_rate_limit_exceeded"
	EventRateWarning = "iec_rate_limit_warning"
	EventErased      = "bulk_upload_erased"
)

// Frame is what the gateway sends of a job.
type Frame struct {
	Event string `json:"event"`
	// Seq is the fact's sequence in the stream, 0 for mere progress. Give the
	// last one seen to Watch to go on after it.
	Seq  uint64          `json:"seq"`
	Data json.RawMessage `json:"data"`
}

// Terminal reports whether a job has ended with the frame.
func (f Frame) Terminal() bool {
	return f.Event == EventComplete || f.Event == EventFailed || f.Event == EventErased
}

func (f Frame) retryable() bool {
	switch f.Event {
	case EventFailed:
		d, err := f.Failed()
		return err == nil && d.Retryable
	case EventErased:
		d, err := f.Erased()
		return err == nil && d.Status != events.StatusCompleted && d.Reason != events.ErasedExpired
	}
	return false
}

// Job is the id of the frame's job, "" if it has none.
func (f Frame) Job() string {
	var d struct {
		JobID string `json:"job_id"`
	}
	if json.Unmarshal(f.Data, &d) != nil {
		return ""
	}
	return d.JobID
}

// Progress is the data of all frames but Complete, Failed and Erased.
type Progress struct {
	JobID     string        `json:"job_id"`
	Stage     events.Step   `json:"stage"`
	Progress  int           `json:"progress"` // percent
	Message   string        `json:"message"`
	Status    events.Status `json:"status"`
	Processed int           `json:"rows_processed"`
	Total     int           `json:"rows_total"`
	Timestamp time.Time     `json:"timestamp"`
	// Reason and ResumesAt are set while the job is paused.
	Reason    string    `json:"reason"`
	ResumesAt time.Time `json:"resumes_at"`
	// ETA is when the IEC will have answered for all rows; zero if not known.
	ETA time.Time `json:"eta"`
}

// Complete is the data of EventComplete.
type Complete struct {
	JobID      string                 `json:"job_id"`
	Status     events.Status          `json:"status"`
	Validation events.ValidationStats `json:"validation_stats"`
	Database   events.DatabaseStats   `json:"database_stats"`
	ReportPath string                 `json:"report_path"`
	DurationMS int64                  `json:"processing_duration_ms"`
	Timestamp  time.Time              `json:"timestamp"`
}

// Failed is the data of EventFailed.
type Failed struct {
	JobID     string        `json:"job_id"`
	Error     string        `json:"error"` // a sentence for the user
	Code      string        `json:"code"`
	Stage     events.Step   `json:"stage"`
	Status    events.Status `json:"status"` // failed or cancelled
	Retryable bool          `json:"retryable"`
	Timestamp time.Time     `json:"timestamp"`
}

// Erased is the data of EventErased: the job has ended before, and of its data some
// is kept no longer.
type Erased struct {
	JobID     string        `json:"job_id"`
	Status    events.Status `json:"status"` // how the job had ended
	Reason    string        `json:"reason"` // expired or person_erased
	Report    bool          `json:"report_removed"`
	Timestamp time.Time     `json:"timestamp"`
}

// Progress decodes the data of a frame that is neither Complete, Failed nor Erased.
func (f Frame) Progress() (Progress, error) { return decode[Progress](f) }

// Complete decodes the data of EventComplete.
func (f Frame) Complete() (Complete, error) { return decode[Complete](f) }

// Failed decodes the data of EventFailed.
func (f Frame) Failed() (Failed, error) { return decode[Failed](f) }

// Erased decodes the data of EventErased.
func (f Frame) Erased() (Erased, error) { return decode[Erased](f) }

func decode[T any](f Frame) (T, error) {
	var d T
	if err := json.Unmarshal(f.Data, &d); err != nil {
		return d, fmt.Errorf("decode %s: %w", f.Event, err)
	}
	return d, nil
}
