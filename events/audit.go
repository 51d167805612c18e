package events

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Access is one reading of personal data, or the erasure of a person: the body of a message on the stream
// AUDIT, with the subject audit.<jobId>.<what>.
type Access struct {
	JobID string     `json:"job_id"`
	What  AccessKind `json:"what"`
	At    time.Time  `json:"at"`
	By    User       `json:"by"`
	// From is the address of the client, as far as it is known.
	From string `json:"from"`
	// Row is which row was read, 0 for more than one.
	Row int `json:"row,omitempty"`
}

// Reading is what was read.
type AccessKind string

// What is read of a job that is about people.
const (
	AccessReport  AccessKind = "report"
	AccessRejects AccessKind = "rejects"
	AccessRow     AccessKind = "row"
	// ReadExport is all that is held of one person.
	AccessExport AccessKind = "export"
	// ReadErasure is no reading: one person was erased.
	AccessErasure AccessKind = "erasure"
)

// Readings lists them.
var AccessKinds = []AccessKind{AccessReport, AccessRejects, AccessRow, AccessExport, AccessErasure}

// AuditSubject is the subject of an access.
func AuditSubject(jobID string, what AccessKind) string { return "audit." + jobID + "." + string(what) }

// WriteAccess stores an access, on the disk when it returns nil. Whoever cannot
// have it stored must not let anything be read.
func WriteAccess(ctx context.Context, js jetstream.JetStream, a Access) error {
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if _, err := js.Publish(ctx, AuditSubject(a.JobID, a.What), body); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Accesses yields those of a job, or of all for "", oldest first. What is no access
// is an error, the last thing yielded.
func ReadAccesses(ctx context.Context, js jetstream.JetStream, jobID string) iter.Seq2[Access, error] {
	filter := "audit.>"
	if jobID != "" {
		filter = "audit." + jobID + ".>"
	}
	return func(yield func(Access, error) bool) {
		for m, err := range Messages(ctx, js, StreamAudit, filter, 1) {
			if err != nil {
				yield(Access{}, err)
				return
			}
			var a Access
			if err := json.Unmarshal(m.Data, &a); err != nil {
				yield(Access{}, fmt.Errorf("audit %d: %w", m.Sequence, err))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}
