package events

import "time"

// Kind is the last token of a fact's subject.
type Kind string

// The kinds of facts, and of progress, which is state and not a fact.
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

// Kinds lists the kinds of facts. Their subjects are those of the stream BULK.
var Kinds = []Kind{
	KindUploaded, KindValidated, KindVerified, KindPersisted, KindReported,
	KindPaused, KindResumed, KindWarned, KindFailed, KindCancelled, KindRetried, KindErased,
}

// WebhookKinds are the kinds of facts that webhooks can be sent for.
var WebhookKinds = []Kind{KindReported, KindFailed, KindPaused}

// Terminal reports whether a job ends with this kind of fact. After a terminal
// fact come only retried, for a failed or cancelled job, and erased, which does
// not change how the job ended.
func (k Kind) Terminal() bool {
	return k == KindReported || k == KindFailed || k == KindCancelled
}

// Meta is what every body says of itself. Append fills it in.
type Meta struct {
	JobID string `json:"job_id"`
	Kind  Kind   `json:"type"`
	// At is when the fact was made, in UTC.
	At time.Time `json:"at"`
	// Cause is the stream sequence of the fact that led to this one; 0 for uploaded.
	Cause uint64 `json:"cause_seq"`
}

func (m *Meta) meta() *Meta { return m }

// Fact is the body of a message on the stream BULK.
type Fact interface {
	FactKind() Kind
	meta() *Meta
}

// User is a person: the owner of a job or the author of a request.
type User struct {
	ID   string `json:"id"`
	Role string `json:"role"`
}

// Options are what the uploader asked for. The zero value is an ordinary run.
type Options struct {
	// SkipIEC leaves every row unverified, with the reason "disabled".
	SkipIEC bool `json:"skip_iec,omitempty"`
	// DryRun runs all stages and writes nothing to the database.
	DryRun bool `json:"dry_run,omitempty"`
	// Undoes is the id of the job whose writes this job takes back; "" for an
	// ordinary upload. An undo is a job of its own, with the rows and verdicts
	// of that job.
	Undoes string `json:"undoes,omitempty"`
}

// Uploaded says that the file is stored and the job exists.
type Uploaded struct {
	Meta
	Owner    User     `json:"owner"`
	FileName string   `json:"file_name"`
	File     Artifact `json:"file"`
	Options  Options  `json:"options"`
}

// Validated says that every row was read and checked.
type Validated struct {
	Meta
	Rows    Artifact        `json:"rows"`
	Rejects Artifact        `json:"rejects"`
	Stats   ValidationStats `json:"stats"`
}

// Verified says that every valid row has a verdict.
type Verified struct {
	Meta
	Verdicts Artifact `json:"verdicts"`
	Stats    IECStats `json:"stats"`
}

// Persisted says that the members are written, in one transaction.
type Persisted struct {
	Meta
	Outcomes Artifact      `json:"outcomes"`
	Stats    DatabaseStats `json:"stats"`
}

// Reported says that the report is stored and the job is complete. It repeats
// the figures of the whole job, so that one message is enough to show them.
type Reported struct {
	Meta
	Report     Artifact        `json:"report"`
	Validation ValidationStats `json:"validation_stats"`
	Database   DatabaseStats   `json:"database_stats"`
	// DurationMS is the time since the upload, in milliseconds.
	DurationMS int64 `json:"processing_duration_ms"`
	// Inputs are the artifacts that the report was made of, as Job.Inputs
	// returns them. WardTarget is the only setting that the report depends on.
	// With both, the same bytes can be made again. Jobs of the first versions
	// have neither.
	Inputs     []Artifact `json:"inputs,omitempty"`
	WardTarget int        `json:"ward_target,omitempty"`
}

// Paused says that the job waits for the IEC or the database until ResumesAt.
type Paused struct {
	Meta
	Stage Stage `json:"stage"`
	// Reason is a stable code: PauseQuota or one of the constants beside it.
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	ResumesAt time.Time `json:"resumes_at"`
	// Processed and Total count rows.
	Processed int `json:"rows_processed"`
	Total     int `json:"rows_total"`
	// Quota is set when the IEC's quota is the reason; else nil.
	Quota *Quota `json:"quota,omitempty"`
	// ETA is when the stage will be done at its present speed; zero while
	// nobody knows.
	ETA time.Time `json:"eta,omitzero"`
}

// Reasons of Paused.
const (
	PauseQuota       = "quota_exhausted"
	PauseRateLimited = "rate_limited"
	PauseUnavailable = "iec_unavailable"
	PauseDatabase    = "database_unavailable"
)

// Quota counts the calls to the IEC in the last hour.
type Quota struct {
	Used  int `json:"used"`
	Limit int `json:"limit"`
	// ResetAt is when the oldest calls leave the hour and are free again; zero
	// while none is used.
	ResetAt time.Time `json:"reset_at,omitzero"`
}

// Usage is how much a user has uploaded.
type Usage struct {
	// Open is how many jobs have not ended.
	Open int
	// Recent is how many files were uploaded lately, and Oldest when the first of
	// them was; zero while there are none.
	Recent int
	Oldest time.Time
}

// Resumed says that the wait is over and the stage goes on where it stopped.
type Resumed struct {
	Meta
	Stage     Stage `json:"stage"`
	Processed int   `json:"rows_processed"`
	Total     int   `json:"rows_total"`
}

// Warned says that most of the quota is used and the job may have to pause. It
// does not change the job. There is at most one between two pauses.
type Warned struct {
	Meta
	Stage     Stage  `json:"stage"`
	Message   string `json:"message"`
	Processed int    `json:"rows_processed"`
	Total     int    `json:"rows_total"`
	Quota     Quota  `json:"quota"`
}

// Failed says that a stage gave up.
type Failed struct {
	Meta
	Stage Stage `json:"stage"`
	// Code is stable; Message is a sentence that tells the user what to do.
	Code     string `json:"code"`
	Message  string `json:"message"`
	Attempts int    `json:"attempts"`
	// Retryable says that a retry may succeed.
	Retryable bool `json:"retryable"`
}

// Cancelled says that a person stopped the job while Stage worked on it.
type Cancelled struct {
	Meta
	Stage Stage `json:"stage"`
	By    User  `json:"by"`
}

// Retried says that a person asked for Stage to run again.
type Retried struct {
	Meta
	Stage Stage `json:"stage"`
	By    User  `json:"by"`
}

// Erased says that data of an ended job was removed or replaced. The earlier
// facts stay as they are; Job.Apply puts the new artifacts in the place of
// those that they name.
type Erased struct {
	Meta
	// Reason is a stable code: ErasedExpired or ErasedPerson.
	Reason string `json:"reason"`
	// Status is how the job ended.
	Status Status `json:"status"`
	// Removed are the artifacts that were deleted.
	Removed []Artifact `json:"removed,omitempty"`
	// Replaced are the artifacts of which a part was taken out.
	Replaced []Replacement `json:"replaced,omitempty"`
}

// Replacement is an artifact and the one that took its place.
type Replacement struct {
	Was Artifact `json:"was"`
	Now Artifact `json:"now"`
}

// Reasons of Erased.
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
