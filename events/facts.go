package events

import "time"

// Kind is the last token of a fact's subject.
type Kind string

// The kinds of facts, and progress, which is state and no fact.
const (
	KindUploaded  Kind = "uploaded"
	KindValidated Kind = "validated"
	KindVerified  Kind = "verified"
	KindPersisted Kind = "persisted"
	KindReported  Kind = "reported"
	KindPaused    Kind = "paused"
	KindResumed   Kind = "resumed"
	KindWarned    Kind = "warned"
	KindFailed    Kind = "failed"
	KindCancelled Kind = "cancelled"
	KindRetried   Kind = "retried"
	KindErased    Kind = "erased"
	KindProgress  Kind = "progress"
)

// Kinds lists the kinds of facts: the subjects of the stream BULK.
var Kinds = []Kind{
	KindUploaded, KindValidated, KindVerified, KindPersisted, KindReported,
	KindPaused, KindResumed, KindWarned, KindFailed, KindCancelled, KindRetried, KindErased,
}

// WebhookKinds are the kinds of facts that integrators may be told of.
var WebhookKinds = []Kind{KindReported, KindFailed, KindPaused}

// Terminal reports whether a job ends with this kind of fact. Only retried may
// follow one, and only a failed or a cancelled one, and erased, which changes
// nothing of how the job ended.
func (k Kind) Terminal() bool {
	return k == KindReported || k == KindFailed || k == KindCancelled
}

// Meta is what every body says of itself. Append fills it in.
type Meta struct {
	JobID string    `json:"job_id"`
	Kind  Kind      `json:"type"`
	At    time.Time `json:"at"`
	// Cause is the stream sequence of the fact that led to this one, 0 for uploaded.
	Cause uint64 `json:"cause_seq"`
}

func (m *Meta) meta() *Meta { return m }

// Fact is the body of one message on the stream BULK.
type Fact interface {
	FactKind() Kind
	meta() *Meta
}

// User is who a request or a job belongs to.
type User struct {
	ID   string `json:"id"`
	Role string `json:"role"`
}

// Options are what the uploader asked for. The zero value is the ordinary run.
type Options struct {
	// SkipIEC leaves every row unverified, with the reason "disabled".
	SkipIEC bool `json:"skip_iec,omitempty"`
	// DryRun does everything but write to the database.
	DryRun bool `json:"dry_run,omitempty"`
	// Undoes is the job whose writing is to be taken back, "" for an ordinary
	// upload. An undo is a job of its own with the rows and verdicts of that one.
	Undoes string `json:"undoes,omitempty"`
}

// Uploaded: the file is stored and the job exists.
type Uploaded struct {
	Meta
	Owner    User     `json:"owner"`
	FileName string   `json:"file_name"`
	File     Artifact `json:"file"`
	Options  Options  `json:"options"`
}

// Validated: every row was read and judged.
type Validated struct {
	Meta
	Rows    Artifact        `json:"rows"`
	Rejects Artifact        `json:"rejects"`
	Stats   ValidationStats `json:"stats"`
}

// Verified: every valid row has a verdict.
type Verified struct {
	Meta
	Verdicts Artifact `json:"verdicts"`
	Stats    IECStats `json:"stats"`
}

// Persisted: the members are written, in one transaction.
type Persisted struct {
	Meta
	Outcomes Artifact      `json:"outcomes"`
	Stats    DatabaseStats `json:"stats"`
}

// Reported: the report is stored and the job is complete. It repeats the
// figures of the whole job, so that one message tells it all.
type Reported struct {
	Meta
	Report     Artifact        `json:"report"`
	Validation ValidationStats `json:"validation_stats"`
	Database   DatabaseStats   `json:"database_stats"`
	// DurationMS is the time from upload to here, in milliseconds.
	DurationMS int64 `json:"processing_duration_ms"`
	// Inputs are what the report was made of, as Job.Inputs gives them, and
	// WardTarget is the one setting that it depends on: from both the same bytes
	// can be made again. Jobs from before this was noted have neither.
	Inputs     []Artifact `json:"inputs,omitempty"`
	WardTarget int        `json:"ward_target,omitempty"`
}

// Paused: the job waits for the IEC or the database, until ResumesAt.
type Paused struct {
	Meta
	Stage Stage `json:"stage"`
	// Reason is a stable code: quota_exhausted, rate_limited, iec_unavailable or
	// database_unavailable.
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	ResumesAt time.Time `json:"resumes_at"`
	Processed int       `json:"rows_processed"`
	Total     int       `json:"rows_total"`
	Quota     *Quota    `json:"quota,omitempty"`
	// ETA is when the stage will be done, by its speed so far; zero while that
	// is not known.
	ETA time.Time `json:"eta,omitzero"`
}

// Reasons for a pause.
const (
	PauseQuota       = "quota_exhausted"
	PauseRateLimited = "rate_limited"
	PauseUnavailable = "iec_unavailable"
	PauseDatabase    = "database_unavailable"
)

// Quota is how much of the hourly allowance of IEC calls is spent.
type Quota struct {
	Used  int `json:"used"`
	Limit int `json:"limit"`
	// ResetAt is when the oldest of the used calls become free again; zero while none is used.
	ResetAt time.Time `json:"reset_at,omitzero"`
}

// Resumed: the wait is over and the stage goes on where it stopped.
type Resumed struct {
	Meta
	Stage     Stage `json:"stage"`
	Processed int   `json:"rows_processed"`
	Total     int   `json:"rows_total"`
}

// Warned: most of the quota is spent, and the job may have to pause. It changes
// nothing, and is said at most once between two pauses.
type Warned struct {
	Meta
	Stage     Stage  `json:"stage"`
	Message   string `json:"message"`
	Processed int    `json:"rows_processed"`
	Total     int    `json:"rows_total"`
	Quota     Quota  `json:"quota"`
}

// Failed: a stage gave up.
type Failed struct {
	Meta
	Stage Stage `json:"stage"`
	// Code is stable; Message is a sentence that tells the user what to do.
	Code      string `json:"code"`
	Message   string `json:"message"`
	Attempts  int    `json:"attempts"`
	Retryable bool   `json:"retryable"`
}

// Cancelled: a person stopped the job while Stage was at work.
type Cancelled struct {
	Meta
	Stage Stage `json:"stage"`
	By    User  `json:"by"`
}

// Retried: a person asked for Stage to be run again.
type Retried struct {
	Meta
	Stage Stage `json:"stage"`
	By    User  `json:"by"`
}

// Erased: data of a job that has ended is not kept any more, or not as it was. The
// facts before it stay as they are; Job.Apply tells what became of the artifacts
// that they name.
type Erased struct {
	Meta
	// Reason is a stable code: expired or person_erased.
	Reason string `json:"reason"`
	// Status is how the job had ended.
	Status Status `json:"status"`
	// Removed are the artifacts that are kept no longer.
	Removed []Artifact `json:"removed,omitempty"`
	// Replaced are those of which a part was taken out.
	Replaced []Replacement `json:"replaced,omitempty"`
}

// Replacement is an artifact and what stands in its place.
type Replacement struct {
	Was Artifact `json:"was"`
	Now Artifact `json:"now"`
}

// Reasons for erasing.
const (
	ErasedExpired = "expired"
	ErasedPerson  = "person_erased"
)

// FactKind implements Fact.
func (*Uploaded) FactKind() Kind  { return KindUploaded }
func (*Validated) FactKind() Kind { return KindValidated }
func (*Verified) FactKind() Kind  { return KindVerified }
func (*Persisted) FactKind() Kind { return KindPersisted }
func (*Reported) FactKind() Kind  { return KindReported }
func (*Paused) FactKind() Kind    { return KindPaused }
func (*Resumed) FactKind() Kind   { return KindResumed }
func (*Warned) FactKind() Kind    { return KindWarned }
func (*Failed) FactKind() Kind    { return KindFailed }
func (*Cancelled) FactKind() Kind { return KindCancelled }
func (*Retried) FactKind() Kind   { return KindRetried }
func (*Erased) FactKind() Kind    { return KindErased }

func newFact(kind Kind) Fact {
	switch kind {
	case KindUploaded:
		return &Uploaded{}
	case KindValidated:
		return &Validated{}
	case KindVerified:
		return &Verified{}
	case KindPersisted:
		return &Persisted{}
	case KindReported:
		return &Reported{}
	case KindPaused:
		return &Paused{}
	case KindResumed:
		return &Resumed{}
	case KindWarned:
		return &Warned{}
	case KindFailed:
		return &Failed{}
	case KindCancelled:
		return &Cancelled{}
	case KindRetried:
		return &Retried{}
	case KindErased:
		return &Erased{}
	}
	return nil
}
