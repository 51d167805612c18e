package events

import "time"

// Step is a stage as the wire knows it, with its band of percent.
type Step string

// The six steps of a job on the wire.
const (
	Initialization     Step = "initialization"
	FileReading        Step = "file_reading"
	PreValidation      Step = "pre_validation"
	IECVerification    Step = "iec_verification"
	DatabaseOperations Step = "database_operations"
	ReportGeneration   Step = "report_generation"
)

// Band is the percentages at which the step begins and ends.
func (s Step) Band() (from, to int) {
	switch s {
	case FileReading:
		return 10, 20
	case PreValidation:
		return 25, 40
	case IECVerification:
		return 45, 60
	case DatabaseOperations:
		return 65, 80
	case ReportGeneration:
		return 85, 100
	}
	return 0, 0
}

// FirstStep is what a stage shows before it has said anything itself.
func (s Stage) FirstStep() Step {
	switch s {
	case StageValidation:
		return FileReading
	case StageIEC:
		return IECVerification
	case StagePersistence:
		return DatabaseOperations
	case StageReport:
		return ReportGeneration
	}
	return Initialization
}

// Percent is where in its band a step stands. A total of 0 is its beginning,
// and only the reported fact says 100.
func (s Step) Percent(done, total int) int {
	from, to := s.Band()
	if total <= 0 {
		return from
	}
	return min(from+(to-from)*min(max(done, 0), total)/total, 99)
}

// Status is a job's state as a whole.
type Status string

// The states of a job.
const (
	StatusPending    Status = "pending"
	StatusProcessing Status = "processing"
	StatusPaused     Status = "paused"
	StatusCompleted  Status = "completed"
	StatusFailed     Status = "failed"
	StatusCancelled  Status = "cancelled"
)

// Progress is the newest state of the stage at work: one message a job on the
// stream BULK_PROGRESS, overwritten by the next. It is also where the runner
// keeps how often the stage has failed on its present message, so that the
// count outlives the process.
type Progress struct {
	JobID   string    `json:"job_id"`
	Kind    Kind      `json:"type"`
	At      time.Time `json:"at"`
	Service Stage     `json:"service"`
	Step    Step      `json:"stage"`
	Percent int       `json:"progress"`
	Message string    `json:"message"`
	Status  Status    `json:"status"`
	// Processed and Total count rows; both 0 where the step has none.
	Processed int `json:"rows_processed"`
	Total     int `json:"rows_total"`
	// ETA is when the step will be done, by its speed so far; zero while that
	// is not known.
	ETA time.Time `json:"eta,omitzero"`
	// Trigger is the sequence of the fact that the stage works on.
	Trigger uint64 `json:"trigger_seq"`
	// Failures is how many attempts at that fact have failed so far.
	Failures int `json:"failures"`
}
