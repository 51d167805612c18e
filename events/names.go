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
	// StreamFacts holds the history of every job, one message a fact.
	StreamFacts = "BULK"
	// StreamProgress holds the newest progress of every job, one message a job.
	StreamProgress = "BULK_PROGRESS"

	// StreamAudit holds who has read personal data, one message a reading.
	StreamAudit = "AUDIT"

	// StreamPartial holds the parts of uploads that have not arrived whole.
	StreamPartial = "PARTIAL"
	// PartialLife is how long an upload may take to arrive.
	PartialTTL = 24 * time.Hour

	// LivePrefix precedes a stored message's subject when it is republished.
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

	// KVQuota holds the hourly IEC quota that all replicas of iec share.
	KVQuota = "IEC_QUOTA"
	// KVVerdicts holds answers of the IEC, keyed by an HMAC of the ID number.
	KVVerdicts = "IEC_VERDICTS"
	// KVClaims holds who is being asked about at the moment, keyed in the same way.
	KVClaims = "IEC_CLAIMS"

	// ConsumerProjection is the durable consumer that keeps the jobs table.
	ConsumerProjection = "projection"
	// ConsumerWebhook is the durable consumer that tells webhooks.
	ConsumerWebhook = "webhook"

	// AckWait is how long a stage may hold a message without a heartbeat.
	AckWait = 60 * time.Second
	// DuplicateWindow is how long the server remembers a Nats-Msg-Id.
	DuplicateWindow = time.Hour
)

// Headers of every message, CloudEvents 1.0 in binary mode.
const (
	HeaderMsgID = "Nats-Msg-Id"
	// HeaderAfter and HeaderAfterOf are the guard with which a message was stored:
	// which was the last one of which subjects. The server holds and keeps it.
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
	// HeaderDataVersion is the version of the body's shape, DataVersion when it was
	// stored; there is none in facts of the first states of rollcall.
	HeaderDataVersion = "ce-dataversion"
	// HeaderTrace names the span that stored the message, as W3C Trace Context
	// does; there is none where nobody traces.
	HeaderTrace = "traceparent"

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

// Stages lists the stages that consume facts, in order.
var Stages = []Stage{StageValidation, StageIEC, StagePersistence, StageReport}

// Consumes is the kind of fact that sets the stage to work, "" for upload.
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

// MayPause says whether the stage waits for others as a state of the job, and not
// only by handing its message back.
func (s Stage) MayPause() bool { return s == StageIEC || s == StagePersistence }

// Produces is the kind of fact that the stage ends with.
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

// NewJobID returns a fresh job id: "job-" and a UUIDv7, so that ids sort by
// the time of upload and are one NATS token.
func NewJobID() string { return "job-" + uuid.Must(uuid.NewV7()).String() }

// UndoJobID is the id of the job that takes a job's writing back. There is one, so
// that undoing twice is undoing once.
func UndoJobID(jobID string) string {
	return "job-" + uuid.NewHash(sha256.New(), undoSpace, []byte(jobID), 8).String()
}

// undoSpace is the name space of UndoJobID, made up once.
var undoSpace = uuid.MustParse("6f1c7a0e-5d0b-4a57-9a0f-3d1f0c0d5e11")

// ValidJobID reports whether id has the form that NewJobID gives. Everything
// that comes from outside is checked with it before it becomes part of a
// subject.
func ValidJobID(id string) bool {
	rest, ok := strings.CutPrefix(id, "job-")
	if !ok || len(rest) != 36 {
		return false
	}
	u, err := uuid.Parse(rest)
	return err == nil && u.String() == rest
}

// Subject is the subject of a job's fact or progress: bulk.<jobId>.<kind>.
func Subject(jobID string, kind Kind) string { return "bulk." + jobID + "." + string(kind) }

// JobFilter matches every subject of one job. It is the one filter that guards
// every append: a replicated stream compares guards by this very string.
func JobFilter(jobID string) string { return "bulk." + jobID + ".>" }

// ParseSubject splits bulk.<jobId>.<kind>, with or without LivePrefix. The kind may
// be any text; the error does not repeat the subject, which anybody can have made up.
func ParseSubject(subject string) (jobID string, kind Kind, err error) {
	parts := strings.Split(strings.TrimPrefix(subject, LivePrefix), ".")
	if len(parts) != 3 || parts[0] != "bulk" || !ValidJobID(parts[1]) {
		return "", "", errors.New("parse subject: not bulk.<jobId>.<kind>")
	}
	return parts[1], Kind(parts[2]), nil
}

// MsgID is the Nats-Msg-Id of a fact: the same job, kind and cause give the
// same id, so a stage that runs twice appends once.
func MsgID(jobID string, kind Kind, cause uint64) string {
	return fmt.Sprintf("%s.%s.%d", jobID, kind, cause)
}
