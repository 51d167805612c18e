package gateway

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"rollcall.example/events"
)

// Events of the frames that a client gets.
const (
	EventProgress    = "bulk_upload_progress"
	EventComplete    = "bulk_upload_complete"
	EventFailed      = "bulk_upload_failed"
	EventRateLimit   = "iec_rate_limit_exceeded"
	EventRateWarning = "iec_rate_limit_warning"
	EventErased      = "bulk_upload_erased"
	EventAck         = "ack"
	EventError       = "error"
	EventPong        = "pong"
)

// frame is what is sent, encoded once for all who get it.
type frame struct {
	jobID string
	owner string
	seq   uint64 // 0 for progress
	// turn is the fact that set the stage to work: of progress, the one it
	// belongs to; of a fact that begins a stage or ends the job, itself; else 0.
	turn  uint64
	texts texts
}

type outgoing struct {
	Event string          `json:"event"`
	Data  any             `json:"data"`
	Seq   uint64          `json:"seq,omitempty"`
	ID    json.RawMessage `json:"id,omitempty"`
}

// progressData is the data of bulk_upload_progress.
type progressData struct {
	JobID     string        `json:"job_id"`
	Stage     events.Step   `json:"stage"`
	Progress  int           `json:"progress"`
	Message   string        `json:"message"`
	Status    events.Status `json:"status"`
	Processed int           `json:"rows_processed"`
	Total     int           `json:"rows_total"`
	Timestamp time.Time     `json:"timestamp"`
	// Reason and ResumesAt are set while the job is paused.
	Reason    string     `json:"reason,omitempty"`
	ResumesAt *time.Time `json:"resumes_at,omitempty"`
	// ETA is when the IEC will have answered for all rows, by the speed so far.
	ETA time.Time `json:"eta,omitzero"`
	*rateLimit
}

// rateLimit is what iec_rate_limit_exceeded and iec_rate_limit_warning say beside that.
type rateLimit struct {
	Current    int       `json:"current_count"`
	Max        int       `json:"max_limit"`
	Remaining  int       `json:"remaining"`
	Percentage float64   `json:"percentage_used"`
	Reset      time.Time `json:"reset_time"`
}

type completeData struct {
	JobID      string                 `json:"job_id"`
	Status     events.Status          `json:"status"`
	Validation events.ValidationStats `json:"validation_stats"`
	Database   events.DatabaseStats   `json:"database_stats"`
	ReportPath string                 `json:"report_path"`
	DurationMS int64                  `json:"processing_duration_ms"`
	Timestamp  time.Time              `json:"timestamp"`
}

type failedData struct {
	JobID     string        `json:"job_id"`
	Error     string        `json:"error"`
	Code      string        `json:"code"`
	Stage     events.Step   `json:"stage"`
	Status    events.Status `json:"status"`
	Retryable bool          `json:"retryable"`
	Timestamp time.Time     `json:"timestamp"`
}

// erasedData is the data of bulk_upload_erased.
type erasedData struct {
	JobID  string        `json:"job_id"`
	Status events.Status `json:"status"`
	Reason string        `json:"reason"`
	// Report says that the report is kept no longer.
	Report    bool      `json:"report_removed"`
	Timestamp time.Time `json:"timestamp"`
}

const reportBase = "/api/v1/bulk-upload/report/"

// factFrame is the one frame of a fact.
func factFrame(e events.Event) (frame, error) {
	event, data := factData(e)
	if data == nil {
		return frame{}, fmt.Errorf("frame of %s: no such kind", e.Kind)
	}
	text, err := encode(event, data, e.Seq)
	if err != nil {
		return frame{}, fmt.Errorf("frame of %s: %w", e.Kind, err)
	}
	return frame{jobID: e.JobID, owner: e.Owner, seq: e.Seq, turn: turn(e), texts: text}, nil
}

func turn(e events.Event) uint64 {
	switch e.Kind {
	case events.KindPaused, events.KindResumed, events.KindWarned, events.KindErased:
		return 0
	}
	return e.Seq
}

func factData(e events.Event) (event string, data any) {
	at := events.Standing{}.Advance(e.Fact)
	d := progressData{JobID: e.JobID, Stage: at.Step, Progress: at.Percent, Message: at.Message, Status: events.StatusProcessing,
		Processed: at.Processed, Total: at.Total, Timestamp: e.At}
	switch f := e.Fact.(type) {
	case *events.Uploaded:
		d.Status = events.StatusPending
		return EventProgress, d
	case *events.Validated, *events.Verified, *events.Persisted, *events.Resumed, *events.Retried:
		return EventProgress, d
	case *events.Reported:
		return EventComplete, completeData{JobID: e.JobID, Status: events.StatusCompleted, Validation: f.Validation, Database: f.Database,
			ReportPath: reportBase + e.JobID, DurationMS: f.DurationMS, Timestamp: e.At}
	case *events.Paused:
		d.Status, d.Reason, d.ResumesAt, d.ETA = events.StatusPaused, f.Reason, &f.ResumesAt, f.ETA
		if f.Reason != events.PauseQuota || f.Quota == nil {
			return EventProgress, d
		}
		d.rateLimit = limitOf(*f.Quota)
		if d.Reset.IsZero() {
			d.Reset = f.ResumesAt
		}
		return EventRateLimit, d
	case *events.Warned:
		d.rateLimit = limitOf(f.Quota)
		return EventRateWarning, d
	case *events.Failed:
		return EventFailed, failedData{JobID: e.JobID, Error: f.Message, Code: f.Code, Stage: f.Stage.FirstStep(),
			Status: events.StatusFailed, Retryable: f.Retryable, Timestamp: e.At}
	case *events.Cancelled:
		return EventFailed, failedData{JobID: e.JobID, Error: at.Message, Code: "cancelled", Stage: f.Stage.FirstStep(),
			Status: events.StatusCancelled, Retryable: true, Timestamp: e.At}
	case *events.Erased:
		return EventErased, erasedData{JobID: e.JobID, Status: f.Status, Reason: f.Reason, Timestamp: e.At,
			Report: slices.ContainsFunc(f.Removed, func(a events.Artifact) bool { return a.Bucket == events.BucketReports })}
	}
	return "", nil
}

func limitOf(q events.Quota) *rateLimit {
	return &rateLimit{Current: q.Used, Max: q.Limit, Remaining: max(q.Limit-q.Used, 0), Reset: q.ResetAt,
		Percentage: math.Round(1000*float64(q.Used)/float64(max(q.Limit, 1))) / 10}
}

func progressFrame(p events.Progress, owner string) (frame, error) {
	text, err := encode(EventProgress, progressData{
		JobID: p.JobID, Stage: p.Step, Progress: p.Percent, Message: p.Message, Status: p.Status,
		Processed: p.Processed, Total: p.Total, ETA: p.ETA, Timestamp: p.At,
	}, 0)
	if err != nil {
		return frame{}, fmt.Errorf("frame of progress: %w", err)
	}
	return frame{jobID: p.JobID, owner: owner, turn: p.Trigger, texts: text}, nil
}
