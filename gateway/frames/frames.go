// Package frames is what goes over the gateway's WebSocket, in Go: the names of the
// events and the shapes of their data. The gateway writes them and the client
// reads them. The same shapes as JSON Schemas are in schema/frames; a test holds the
// two against each other. The TypeScript client's types are generated from the
// schemas.
package frames

import (
	"time"

	"rollcall.example/events"
)

//go:generate go run ./gen

// Events that a client sends.
const (
	EventAuthenticate = "authenticate"
	EventSubscribe    = "subscribe_bulk_upload_job"
	EventUnsubscribe  = "unsubscribe_bulk_upload_job"
	EventPing         = "ping"
)

// Events that a client gets: first those of jobs, then answers to its requests.
const (
	EventProgress    = "bulk_upload_progress"
	EventComplete    = "bulk_upload_complete"
	EventFailed      = "bulk_upload_failed"
	EventErased      = "bulk_upload_erased"
	EventRateLimit   = "iec_rate_limit_exceeded"
	EventRateWarning = "iec_rate_limit_warning"

	EventAck   = "ack"
	EventError = "error" // its data is a refusal.Frame
	EventPong  = "pong"  // its data is empty
)

// Authenticate is the data of EventAuthenticate.
type Authenticate struct {
	Token string `json:"token"`
}

// Subscribe is the data of EventSubscribe and, without After, of EventUnsubscribe.
type Subscribe struct {
	JobID string `json:"job_id"`
	// After is the sequence of the last fact that is known; 0 is none.
	After uint64 `json:"after,omitempty"`
}

// Progress is the data of EventProgress.
type Progress struct {
	JobID    string      `json:"job_id"`
	Stage    events.Step `json:"stage"`
	Progress int         `json:"progress"` // percent of the whole job
	Message  string      `json:"message"`
	// Status is pending, processing, paused or awaiting_approval.
	Status    events.Status `json:"status"`
	Processed int           `json:"rows_processed"`
	Total     int           `json:"rows_total"`
	Timestamp time.Time     `json:"timestamp"`
	// Reason is set while the job is paused or awaits approval, ResumesAt while
	// it is paused.
	Reason    string    `json:"reason,omitempty"`
	ResumesAt time.Time `json:"resumes_at,omitzero"`
	// ETA is when the IEC will have answered for all rows, by the speed so far;
	// zero if not known.
	ETA time.Time `json:"eta,omitzero"`
}

// RateLimit is the data of EventRateLimit and EventRateWarning.
type RateLimit struct {
	Progress
	Current    int       `json:"current_count"`
	Max        int       `json:"max_limit"`
	Remaining  int       `json:"remaining"`
	Percentage float64   `json:"percentage_used"`
	Reset      time.Time `json:"reset_time"`
}

// Complete is the data of EventComplete.
type Complete struct {
	JobID      string                 `json:"job_id"`
	Status     events.Status          `json:"status"` // completed
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
	Status    events.Status `json:"status"` // failed, cancelled or declined
	Retryable bool          `json:"retryable"`
	Timestamp time.Time     `json:"timestamp"`
}

// Erased is the data of EventErased: the job has ended before, and of its data some
// is kept no longer.
type Erased struct {
	JobID  string        `json:"job_id"`
	Status events.Status `json:"status"` // how the job had ended
	// Reason is events.ErasedExpired or events.ErasedPerson.
	Reason string `json:"reason"`
	// Report says that the report is kept no longer.
	Report    bool      `json:"report_removed"`
	Timestamp time.Time `json:"timestamp"`
}

// Ack is the data of EventAck: of EventSubscribe with JobID, LastSeq and Status, of
// EventUnsubscribe with JobID, of EventAuthenticate with UserID and Expires.
type Ack struct {
	Expires time.Time `json:"expires,omitzero"`
	JobID   string    `json:"job_id,omitempty"`
	// LastSeq is the sequence of the job's newest fact.
	LastSeq uint64        `json:"last_seq,omitempty"`
	Status  events.Status `json:"status,omitempty"`
	UserID  string        `json:"user_id,omitempty"`
}
