package events

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Streams, buckets, subjects, headers and limits, all in one place.
const (
	// StreamFacts holds the history of every job, one message per fact.
	StreamFacts = "BULK"
	// StreamProgress holds the newest progress of every job, one message per
	// job.
	StreamProgress = "BULK_PROGRESS"

	// StreamAudit holds who has read personal data, one message per access.
	StreamAudit = "AUDIT"

	// StreamCases holds what is done for one person on request, such as an
	// erasure, one message per fact.
	StreamCases = "CASES"
	// StreamAdvisories holds what the NATS server itself says about each request
	// that makes, changes or reads through a stream or consumer, and who made it.
	StreamAdvisories = "ADVISORIES"

	// StreamPartial holds the parts of uploads that are not complete.
	StreamPartial = "PARTIAL"
	// PartialTTL is how long the parts of an upload are kept.
	PartialTTL = 24 * time.Hour

	// LivePrefix comes before the subject of a stored message when the server
	// republishes it.
	LivePrefix = "live."

	// BucketUploads holds the uploaded workbooks. Written by upload.
	BucketUploads = "UPLOADS"
	// BucketRows holds the artifacts rows and rejects. Written by validation.
	BucketRows = "ROWS"
	// BucketVerdicts holds the artifact verdicts. Written by iec.
	BucketVerdicts = "VERDICTS"
	// BucketOutcomes holds the artifact outcomes. Written by persistence.
	BucketOutcomes = "OUTCOMES"
	// BucketReports holds the finished workbooks. Written by report.
	BucketReports = "REPORTS"

	// BucketCases holds the ID numbers of open cases and the exports of completed
	// ones, all sealed, for CaseTTL at most. Written by upload and privacy.
	BucketCases = "CASES"
	// CaseTTL is how long a case may wait for approval, and how long an export
	// can be fetched.
	CaseTTL = 30 * 24 * time.Hour

	// KVQuota counts the calls to the IEC; all replicas of iec share it.
	KVQuota = "IEC_QUOTA"
	// StreamIEC holds the newest answers of the IEC and who is being asked about now.
	// Whoever stores an answer or a claim appends it here; all replicas of iec read it.
	StreamIEC = "IEC_LOG"
	// SubjectAnswers and SubjectClaims are its subjects.
	SubjectAnswers = "iec.answers"
	SubjectClaims  = "iec.claims"
	// KVVerdicts holds the answers of the IEC that are no longer in StreamIEC, those of
	// many people under one key. People are named by HMACs of their ID numbers.
	KVVerdicts = "IEC_VERDICTS"
	// KVStations holds what the answers in KVVerdicts have in common: voting stations,
	// wards and the like.
	KVStations = "IEC_STATIONS"
	// KVRevocations holds the tokens that are no longer good. The keys are hashes.
	KVRevocations = "REVOCATIONS"

	// KVMappings holds the mappings of columns that users keep. The keys are hashes of
	// their ids.
	KVMappings = "MAPPINGS"
	// MappingsTTL is how long a user's mappings are kept after the last change to them.
	MappingsTTL = 2 * 365 * 24 * time.Hour

	// KVObjections holds who must not be written. The key is the keyed hash of
	// the ID number.
	KVObjections = "OBJECTIONS"

	// ConsumerProjection is the durable consumer that keeps the table jobs.
	ConsumerProjection = "projection"
	// ConsumerWebhook is the durable consumer that sends webhooks.
	ConsumerWebhook = "webhook"
	// ConsumerMail is the durable consumer that tells people by e-mail.
	ConsumerMail = "mail"
	// ConsumerCases is the durable consumer of CASES that does the cases.
	ConsumerCases = "cases"

	// AckWait is how long a stage may hold a message without a heartbeat.
	AckWait = 60 * time.Second
	// DuplicateWindow is how long the server remembers a Nats-Msg-Id.
	DuplicateWindow = time.Hour
)

// Headers of every message, CloudEvents 1.0 in binary mode.
const (
	HeaderMsgID = "Nats-Msg-Id"
	// HeaderExpectedSeq and HeaderExpectedFilter are the guard of an append:
	// the last sequence on which subjects. The server checks the guard and
	// keeps both headers.
	HeaderExpectedSeq    = "Nats-Expected-Last-Subject-Sequence"
	HeaderExpectedFilter = "Nats-Expected-Last-Subject-Sequence-Subject"
	HeaderSpecVersion    = "ce-specversion"
	HeaderID             = "ce-id"
	HeaderSource         = "ce-source"
	HeaderType           = "ce-type"
	HeaderSubject        = "ce-subject"
	HeaderTime           = "ce-time"
	HeaderContentType    = "ce-datacontenttype"
	// HeaderOwner is the percent-encoded id of the user who uploaded the job.
	HeaderOwner = "ce-owner"
	// HeaderDataVersion is the version of the body's shape. Facts of the first
	// versions of rollcall have none.
	HeaderDataVersion = "ce-dataversion"
	// HeaderTrace is the span that stored the message, as W3C Trace Context
	// writes it. It is missing where nobody traces.
	HeaderTrace = "traceparent"

	// headerStream is set by the server when it answers with a stored message or
	// republishes one. A message that was stored with it is such an answer, led
	// into the log by whoever asked with a subject of the log for the reply.
	headerStream = "Nats-Stream"

	typePrefix   = "rollcall.bulk."
	sourcePrefix = "/rollcall/"
)

// Stage names one of the five services that work on a job.
type Stage string

// The five stages, in the order in which a job passes them.
const (
	StageUpload      Stage = "upload"
	StageValidation  Stage = "validation"
	StageIEC         Stage = "iec"
	StagePersistence Stage = "persistence"
	StageReport      Stage = "report"
)

// Stages lists the stages that consume facts, in the order in which a job
// passes them.
var Stages = []Stage{StageValidation, StageIEC, StagePersistence, StageReport}

// Consumes returns the kind of fact that the stage works on; "" for upload.
func (s Stage) Consumes() Kind {
	switch s {
	case StageValidation:
		return KindUploaded
	case StageIEC:
		return KindValidated
	case StagePersistence:
		return KindVerified
	case StageReport:
		return KindPersisted
	}
	return ""
}

// MayPause reports whether the stage appends a pause when it has to wait. The
// other stages only hand their message back.
func (s Stage) MayPause() bool { return s == StageIEC || s == StagePersistence }

// Parks reports whether a job that the stage pauses holds no message meanwhile: the stage
// goes on with the fact resumed. Many jobs may wait for the IEC for hours. A stage that
// has something to undo keeps its message.
func (s Stage) Parks() bool { return s == StageIEC }

// Produces returns the kind of fact that the stage ends with.
func (s Stage) Produces() Kind {
	switch s {
	case StageUpload:
		return KindUploaded
	case StageValidation:
		return KindValidated
	case StageIEC:
		return KindVerified
	case StagePersistence:
		return KindPersisted
	case StageReport:
		return KindReported
	}
	return ""
}

// NewJobID returns a new job id: "job-" and a UUIDv7. Ids sort by the time of
// upload and are one NATS token.
func NewJobID() string { return "job-" + uuid.Must(uuid.NewV7()).String() }

// UndoJobID returns the id of the job that undoes a job. It is always the same,
// so a second undo is the first one again. The undo that follows a declined one
// has the id that would undo the declined one.
func UndoJobID(jobID string) string {
	return "job-" + uuid.NewHash(sha256.New(), undoSpace, []byte(jobID), 8).String()
}

// undoSpace is the name space of UndoJobID: a random UUID that must never
// change.
var undoSpace = uuid.MustParse("6f1c7a0e-5d0b-4a57-9a0f-3d1f0c0d5e11")

// CommitJobID returns the id of the job that commits a dry run. It is always the
// same, so a second commit is the first one again. The commit that follows a
// declined one has the id that would commit the declined one.
func CommitJobID(jobID string) string {
	return "job-" + uuid.NewHash(sha256.New(), commitSpace, []byte(jobID), 8).String()
}

// commitSpace is the name space of CommitJobID: a random UUID that must never
// change.
var commitSpace = uuid.MustParse("607b7291-8d08-4108-9ad2-d72b583d9b06")

// ValidJobID reports whether id has the form that NewJobID returns. Check every
// id from outside before it becomes part of a subject.
func ValidJobID(id string) bool {
	rest, ok := strings.CutPrefix(id, "job-")
	if !ok || len(rest) != 36 {
		return false
	}
	u, err := uuid.Parse(rest)
	return err == nil && u.String() == rest
}

// Subject returns the subject of a fact or of progress: bulk.<jobId>.<kind>.
func Subject(jobID string, kind Kind) string { return "bulk." + jobID + "." + string(kind) }

// JobFilter returns the filter that matches every subject of a job. Every
// append is guarded by exactly this filter, because a replicated stream
// compares guards by their text.
func JobFilter(jobID string) string { return "bulk." + jobID + ".>" }

// ParseSubject splits bulk.<jobId>.<kind>, with or without LivePrefix. The kind
// may be any text. The error does not quote the subject, which may be forged.
func ParseSubject(subject string) (jobID string, kind Kind, err error) {
	parts := strings.Split(strings.TrimPrefix(subject, LivePrefix), ".")
	if len(parts) != 3 || parts[0] != "bulk" || !ValidJobID(parts[1]) {
		return "", "", errors.New("parse subject: not bulk.<jobId>.<kind>")
	}
	return parts[1], Kind(parts[2]), nil
}

// MsgID returns the Nats-Msg-Id of a fact. Job, kind and cause decide it, so a
// stage that runs twice appends once.
func MsgID(jobID string, kind Kind, cause uint64) string {
	return fmt.Sprintf("%s.%s.%d", jobID, kind, cause)
}
