package events

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Access says that somebody read personal data, or erased a person. It is the
// body of a message on the stream AUDIT with the subject audit.<jobId>.<what>.
type Access struct {
	JobID string     `json:"job_id"`
	What  AccessKind `json:"what"`
	At    time.Time  `json:"at"`
	By    User       `json:"by"`
	// From is the network address of the client; "" when unknown.
	From string `json:"from"`
	// Row is the number of the row that was read; 0 for more than one.
	Row int `json:"row,omitempty"`
}

// AccessKind is what somebody did with personal data.
type AccessKind string

// The kinds of accesses.
const (
	AccessReport  AccessKind = "report"
	AccessRejects AccessKind = "rejects"
	AccessRow     AccessKind = "row"
	// AccessExport is the export of all data about one person.
	AccessExport AccessKind = "export"
	// AccessErasure is the erasure of one person.
	AccessErasure AccessKind = "erasure"
)

// AccessKinds lists the kinds of accesses.
var AccessKinds = []AccessKind{AccessReport, AccessRejects, AccessRow, AccessExport, AccessErasure}

// AuditSubject returns the subject of an access: audit.<jobId>.<what>.
func AuditSubject(jobID string, what AccessKind) string { return "audit." + jobID + "." + string(what) }

// WriteAccess stores an access. It is on the disk once the error is nil. After
// an error the caller must not let anybody read the data.
func WriteAccess(ctx context.Context, js jetstream.JetStream, a Access) error {
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write access: %w", err)
	}
	if _, err := js.Publish(ctx, AuditSubject(a.JobID, a.What), body); err != nil {
		return fmt.Errorf("write access: %w", err)
	}
	return nil
}

// ReadAccesses yields the accesses to a job, or to all jobs when jobID is "",
// oldest first. An error is the last thing yielded.
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
				yield(Access{}, fmt.Errorf("read access %d: %w", m.Sequence, err))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}
