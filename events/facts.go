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
	// A job that must be approved is proposed first: what it would write is
	// known, and nothing is written before it is approved.
	KindProposed Kind = "proposed"
	KindApproved Kind = "approved"
	KindDeclined Kind = "declined"

	// KindArchived is that of an Archive, which is no fact.
	KindArchived Kind = "archived"

	KindProgress Kind = "progress"
)

// Kinds lists the kinds of facts, and that of archives. Their subjects are those of the
// stream BULK.
var Kinds = []Kind{
	KindUploaded, KindValidated, KindVerified, KindPersisted, KindReported,
	KindPaused, KindResumed, KindWarned, KindFailed, KindCancelled, KindRetried, KindErased,
	KindProposed, KindApproved, KindDeclined, KindArchived,
}

// WebhookKinds are the kinds of facts that webhooks can be sent for.
var WebhookKinds = []Kind{KindUploaded, KindReported, KindFailed, KindPaused, KindWarned, KindCancelled}

// DefaultWebhookKinds are those of a webhook that names none.
var DefaultWebhookKinds = []Kind{KindReported, KindFailed, KindPaused}

// MailKinds are the kinds of facts that people can be told of by e-mail: a job has ended, or
// it waits for approval.
var MailKinds = []Kind{KindProposed, KindReported, KindFailed, KindCancelled, KindDeclined}

// KindWebhookTest is the kind of a delivery that a user asks for to test a webhook. It
// is no fact.
const KindWebhookTest Kind = "test"

// Terminal reports whether a job ends with this kind of fact. After a terminal
// fact come only retried, for a failed or cancelled job, and erased, which does
// not change how the job ended.
func (k Kind) Terminal() bool {
	return k == KindReported || k == KindFailed || k == KindCancelled || k == KindDeclined
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

// Uploaded says that the file is stored and the job exists.
type Uploaded struct {
	Meta
	Owner    User     `json:"owner"`
	FileName string   `json:"file_name"`
	File     Artifact `json:"file"`
	Options  Options  `json:"options"`
	// Area is where the job may read and change members. Nil is the whole
	// country: the job is older than areas.
	Area *Area `json:"area,omitempty"`
	// By is who asked for the job where that is not the owner, as for an undo
	// of another's job; else nil.
	By *User `json:"by,omitempty"`
	// Mapping is what the uploader said of the columns; nil where they said nothing.
	Mapping *Mapping `json:"mapping,omitempty"`
}

// Asker returns who asked for the job: By, or the owner.
func (f *Uploaded) Asker() User {
	if f.By != nil {
		return *f.By
	}
	return f.Owner
}

// Area is where a person, or a job of theirs, may read and change members. The
// zero Area is nowhere. Package access decides what lies in it.
type Area struct {
	Level AreaLevel `json:"level"`
	// Codes are the provinces (GP), municipalities (JHB, WC015) or wards (8
	// digits) of the level; none for the country.
	Codes []string `json:"codes,omitempty"`
	// Wards are the wards that were known to lie in these provinces or
	// municipalities when the job was uploaded; nil when none were known, and
	// for the other levels. They are part of the fact so that a replay decides
	// the same.
	Wards []string `json:"wards,omitempty"`
}

// AreaLevel is what the codes of an area name.
type AreaLevel string

// The levels of an area.
const (
	AreaNowhere      AreaLevel = ""
	AreaCountry      AreaLevel = "country"
	AreaProvince     AreaLevel = "province"
	AreaMunicipality AreaLevel = "municipality"
	AreaWard         AreaLevel = "ward"
)

// Country is the area of those who may see and change all members.
func Country() Area { return Area{Level: AreaCountry} }

// Validated says that every row was read and checked.
type Validated struct {
	Meta
	Rows    Artifact        `json:"rows"`
	Rejects Artifact        `json:"rejects"`
	Stats   ValidationStats `json:"stats"`
	ColumnUse
	// FileWarnings say what is remarkable about the file as a whole.
	FileWarnings []FileWarning `json:"file_warnings,omitempty"`
}

// FileWarning says something about a file that no row of it does. It holds nothing that
// stands in a cell.
type FileWarning struct {
	Code    string `json:"code"`
	Message string `json:"message"` // a sentence for the user
}

// ColumnUse says which columns of a file were not read, or not by their header.
type ColumnUse struct {
	// Unused are the first MaxUnused columns that were not used, from left to right.
	Unused []UnusedColumn `json:"unused_columns,omitempty"`
	// UnusedTotal counts all of them.
	UnusedTotal int `json:"unused_total,omitempty"`
	// Guessed are the columns that no header told.
	Guessed []GuessedColumn `json:"guessed_columns,omitempty"`
}

// MaxUnused is how many columns ColumnUse names.
const MaxUnused = 100

// UnusedColumn is a column of a file that was not used. It holds nothing that stands
// below the header.
type UnusedColumn struct {
	Letter string `json:"letter"`         // as a spreadsheet program shows it
	Name   string `json:"name"`           // the header, ID numbers masked, "" for none
	Why    string `json:"why"`            // one of the constants beside UnusedUnknown
	Used   string `json:"used,omitempty"` // the letter of the column used instead
}

// Reasons of UnusedColumn.
const (
	// UnusedUnknown: the header means no field, or there is none.
	UnusedUnknown = "unknown"
	// UnusedEmpty: no cell below the header is filled.
	UnusedEmpty = "empty"
	// UnusedTwice: another column means the same field.
	UnusedTwice = "twice"
	// UnusedLeftOut: the uploader's mapping leaves the column out.
	UnusedLeftOut = "left_out"
)

// Sentence says why the column was not used.
func (c UnusedColumn) Sentence() string {
	switch c.Why {
	case UnusedEmpty:
		return "Empty: nothing stands below the header."
	case UnusedTwice:
		return "Twice: column " + c.Used + " is used."
	case UnusedLeftOut:
		return "Left out: the mapping of the upload says so."
	}
	return "Unknown: the header means none of the columns that a roll has."
}

// GuessedColumn is a column that was taken for a field by what it holds.
type GuessedColumn struct {
	Letter  string `json:"letter"`
	Name    string `json:"name"` // the header, ID numbers masked, "" for none
	Field   string `json:"field"`
	Message string `json:"message"` // a sentence for the user
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
	// IEC counts the verdicts of the rows that do not wait; nil where none waits.
	// What the IEC said of those who wait is not shown.
	IEC *IECStats `json:"iec_stats,omitempty"`
}

// Proposed says what the job would write, and that it waits for somebody who
// approves it. Nothing is written yet.
type Proposed struct {
	Meta
	Outcomes Artifact      `json:"outcomes"`
	Stats    DatabaseStats `json:"stats"`
	// IEC counts the verdicts of the rows that do not wait; nil where none waits.
	// What the IEC said of those who wait is not shown.
	IEC *IECStats `json:"iec_stats,omitempty"`
	// Reason is a stable code: one of the constants beside ProposedNoWrite.
	Reason string `json:"reason"`
	// Digest is the SHA-256 of all that would be written, in hexadecimal. If it
	// is another one after the approval, the job is proposed again.
	Digest string `json:"digest"`
}

// Reasons of Proposed.
const (
	// ProposedNoWrite: the uploader may not write.
	ProposedNoWrite = "may_not_write"
	// ProposedManyChanges: the job changes more members than one person may.
	ProposedManyChanges = "many_changes"
	// ProposedUndo: somebody undoes the job of another person.
	ProposedUndo = "undo_of_another"
	// ProposedChanged: members have changed since the job was approved.
	ProposedChanged = "members_changed"
)

// Approved says that a person lets the job write what it proposed.
type Approved struct {
	Meta
	By User `json:"by"`
	// Reason is what that person wrote; "" for nothing.
	Reason string `json:"reason,omitempty"`
}

// Declined says that a person refused what the job proposed. The job has ended
// and has written nothing.
type Declined struct {
	Meta
	By     User   `json:"by"`
	Reason string `json:"reason"`
}

// Reported says that the report is stored and the job is complete. It repeats
// the figures of the whole job, so that one message is enough to show them.
type Reported struct {
	Meta
	Report Artifact `json:"report"`
	// Rejects is the workbook of the rows that have to be corrected; nil where
	// there are none, and for jobs of earlier versions.
	Rejects *Artifact `json:"rejects,omitempty"`
	// Index lists the rows with what became of each, to be read by pages. It can be
	// made again of the other artifacts; nil for jobs of earlier versions.
	Index      *Artifact       `json:"index,omitempty"`
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
	// Quota is set when the IEC's quota is the reason, or what one user may take of
	// it; else nil.
	Quota *Quota `json:"quota,omitempty"`
	// ETA is when the stage will be done at its present speed; zero while
	// nobody knows.
	ETA time.Time `json:"eta,omitzero"`
}

// Reasons of Paused.
const (
	PauseQuota       = "quota_exhausted"
	PauseUserQuota   = "user_quota_exhausted"
	PauseRateLimited = "rate_limited"
	PauseUnavailable = "iec_unavailable"
	PauseRefused     = "iec_refused"
	PauseNoAnswer    = "iec_no_answer"
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
	// Stored is how many bytes are kept of the user's jobs: uploads, artifacts and
	// reports.
	Stored int64
}

// Resumed says that the wait is over and the stage goes on where it stopped.
type Resumed struct {
	Meta
	Stage     Stage `json:"stage"`
	Processed int   `json:"rows_processed"`
	Total     int   `json:"rows_total"`
	// Wakes says that this fact is what the stage goes on with. The one that it worked
	// on before the pause is acknowledged.
	Wakes bool `json:"wakes,omitempty"`
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

// FailedWorkerDied is the code of a job in whose midst its worker died, again
// and again: killed for its memory, for example.
const FailedWorkerDied = "worker_died"

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
	// FileName is what the file is called from now on; "" when the name stays. The
	// fact uploaded keeps the old one.
	FileName string `json:"file_name,omitempty"`
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
func (*Proposed) FactKind() Kind  { return KindProposed }
func (*Approved) FactKind() Kind  { return KindApproved }
func (*Declined) FactKind() Kind  { return KindDeclined }

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
	case KindProposed:
		return &Proposed{}
	case KindApproved:
		return &Approved{}
	case KindDeclined:
		return &Declined{}
	}
	return nil
}
