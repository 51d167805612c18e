package rest

import (
	"time"

	"rollcall.example/events"
	"rollcall.example/services/jobs"
)

// View is a job as the API shows it.
type View struct {
	JobID    string        `json:"job_id"`
	Status   events.Status `json:"status"`
	FileName string        `json:"file_name"`
	FileSize int64         `json:"file_size"`
	UserID   string        `json:"user_id"`
	// Stage is the step on the wire, and Progress its percentage.
	Stage     events.Step    `json:"stage"`
	Progress  int            `json:"progress"`
	Message   string         `json:"message"`
	Processed int            `json:"rows_processed"`
	Total     int            `json:"rows_total"`
	Options   events.Options `json:"options"`
	// Seq is the last event's sequence in the stream.
	Seq uint64 `json:"seq"`
	// Stale says that the job may have come further; see Desk.LoadConfirmed.
	Stale bool `json:"stale,omitempty"`
	jobs.Stats
	events.ColumnUse
	// Mapping is what the uploader said of the columns.
	Mapping []events.MappedColumn `json:"mapping,omitempty"`
	Error   *errorView            `json:"error,omitempty"`
	// Proposal is set once what the job would write has waited for approval.
	Proposal  *proposalView `json:"proposal,omitempty"`
	ResumesAt *time.Time    `json:"resumes_at,omitempty"`
	// ETA is when the IEC will have answered for all rows, by the speed so far.
	ETA        time.Time `json:"eta,omitzero"`
	ReportPath string    `json:"report_path,omitempty"`
	DurationMS int64     `json:"processing_duration_ms,omitempty"`
	// Removed names the data of the job that is kept no longer.
	Removed   []string  `json:"removed,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	// The same by the names that other systems have for it. A job is processed from its
	// upload on, as its duration is counted; Start is nil while it waits, End before it
	// has ended, ReportFile before there is a report.
	UploadedBy   string     `json:"uploaded_by"`
	UploadedAt   time.Time  `json:"uploaded_at"`
	Start        *time.Time `json:"processing_start"`
	End          *time.Time `json:"processing_end"`
	ReportFile   *string    `json:"report_filename"`
	ErrorMessage *string    `json:"error_message"`
}

type errorView struct {
	Code      string       `json:"code"`
	Message   string       `json:"message"`
	Stage     events.Stage `json:"stage"`
	Attempts  int          `json:"attempts"`
	Retryable bool         `json:"retryable"`
}

// proposalView says why a job waited for approval, and what was decided.
type proposalView struct {
	Reason    string `json:"reason"`
	AskedBy   string `json:"asked_by"`
	DecidedBy string `json:"decided_by,omitempty"`
	Comment   string `json:"comment,omitempty"`
}

func proposalOf(j *events.Job) *proposalView {
	if j.Proposed == nil {
		return nil
	}
	v := &proposalView{Reason: j.Proposed.Reason, AskedBy: j.Uploaded.Asker().ID}
	if f := j.Approved; f != nil {
		v.DecidedBy, v.Comment = f.By.ID, f.Reason
	}
	if f := j.Declined; f != nil {
		v.DecidedBy, v.Comment = f.By.ID, f.Reason
	}
	return v
}

func ViewOf(j *events.Job) View {
	v := View{
		JobID: j.ID, Status: j.Status, FileName: j.FileName, FileSize: j.Uploaded.File.Size, UserID: j.Owner.ID,
		Stage: j.Standing.Step, Progress: j.Standing.Percent, Message: j.Standing.Message,
		Processed: j.Standing.Processed, Total: j.Standing.Total, Options: j.Options, Seq: j.Seq,
		Stats: jobs.StatsOf(j), Mapping: j.Uploaded.Mapping.List(),
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, Removed: removedOf(j),
	}
	v.Proposal = proposalOf(j)
	v.UploadedBy, v.UploadedAt = v.UserID, v.CreatedAt
	if j.Status != events.StatusPending {
		v.Start = &j.CreatedAt
	}
	if j.Ended() {
		v.End = &j.UpdatedAt
	}
	if f := j.Validated; f != nil {
		v.ColumnUse = f.ColumnUse
	}
	if f := j.Reported; f != nil {
		v.ReportPath, v.DurationMS = Base+"/report/"+j.ID, f.DurationMS
		name := WorkbookName(j.FileName, "report")
		v.ReportFile = &name
	}
	if f := j.Paused; f != nil {
		v.ResumesAt, v.ETA = &f.ResumesAt, f.ETA
	}
	if f := j.Failed; f != nil {
		v.Error = &errorView{Code: f.Code, Message: f.Message, Stage: f.Stage, Attempts: f.Attempts, Retryable: f.Retryable}
		v.ErrorMessage = &f.Message
	}
	return v
}
