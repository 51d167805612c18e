package events

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Access says that somebody read personal data, or that somebody's data was
// exported or erased. It is the body of a message on the stream AUDIT with the
// subject audit.<id>.<what>, with the id of the job or case, else wards or people.
type Access struct {
	// JobID is the job whose data it was; "" for all that is stored of a person.
	JobID string `json:"job_id,omitempty"`
	// CaseID is the case that it was done for; "" for none.
	CaseID string     `json:"case_id,omitempty"`
	What   AccessKind `json:"what"`
	At     time.Time  `json:"at"`
	By     User       `json:"by"`
	// From is the network address of the client; "" when unknown.
	From string `json:"from"`
	// Ward is the ward whose register it was; "" for none.
	Ward string `json:"ward,omitempty"`
	// Row is the number of the row that was read; 0 for more than one.
	Row int `json:"row,omitempty"`
	// Person is the keyed hash of the one person whom it was about; "" for more.
	Person string `json:"person,omitempty"`
	// Prev is the message before this one, with the sequence 0 for the first one of
	// all. Auditor fills it in. Accesses of the first versions of rollcall have none.
	Prev *AuditLink `json:"prev,omitempty"`
}

// AccessKind is what somebody did with personal data.
type AccessKind string

// The kinds of accesses.
const (
	AccessReport  AccessKind = "report"
	AccessRejects AccessKind = "rejects"
	AccessRow     AccessKind = "row"
	// AccessRows is a page of the list of rows, or all of it.
	AccessRows AccessKind = "rows"
	// AccessRegister is the attendance register of a ward, AccessStory everything that
	// jobs have said of one person.
	AccessRegister AccessKind = "register"
	AccessStory    AccessKind = "story"
	// AccessExport is the export of all data about one person.
	AccessExport AccessKind = "export"
	// AccessErasure is the erasure of one person.
	AccessErasure AccessKind = "erasure"
	// AccessObjection and AccessLift put one person on the list of objections
	// and take them off.
	AccessObjection AccessKind = "objection"
	AccessLift      AccessKind = "lift"
	// AccessRequest is the request of a case, AccessApproval and AccessRefusal what
	// another person has decided about it. Nothing has been done by them yet.
	AccessRequest  AccessKind = "request"
	AccessApproval AccessKind = "approval"
	AccessRefusal  AccessKind = "refusal"
)

// OfCases are the accesses that whoever asks for a case or decides about it writes.
var OfCases = []AccessKind{AccessRequest, AccessApproval, AccessRefusal}

// AccessKinds lists the kinds of accesses.
var AccessKinds = []AccessKind{
	AccessReport, AccessRejects, AccessRow, AccessRows, AccessExport, AccessErasure, AccessObjection, AccessLift,
	AccessRegister, AccessStory,
	AccessRequest, AccessApproval, AccessRefusal,
}

// auditFilter matches every access.
const auditFilter = "audit.>"

// AuditSubject returns the subject of an access: audit.<id>.<what>. The id is that
// of a job or of a case.
func AuditSubject(id string, what AccessKind) string { return "audit." + id + "." + string(what) }

// Auditor writes accesses. The messages are a chain: each has the digest of the
// one before, and is stored only directly after it. It is safe for concurrent
// use; share one, because its writers then do not get in each other's way.
type Auditor struct {
	js     jetstream.JetStream
	mu     sync.Mutex
	stream jetstream.Stream
	// last is the newest message that this auditor knows; nil when it must ask.
	last *AuditLink
}

// NewAuditor returns an auditor that writes over js.
func NewAuditor(js jetstream.JetStream) *Auditor { return &Auditor{js: js} }

// Write stores an access. It is on the disk once the error is nil. After an error
// the caller must not let anybody read the data. Give ctx a deadline.
func (w *Auditor) Write(ctx context.Context, a Access) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conflicts := 1; ; conflicts++ {
		err := w.append(ctx, a)
		if err == nil {
			return nil
		}
		w.last = nil
		if !IsConflict(err) && !errors.Is(err, errAuditBehind) {
			return fmt.Errorf("write access: %w", err)
		}
		if err := WaitAfterConflict(ctx, conflicts); err != nil {
			return fmt.Errorf("write access: %w", err)
		}
	}
}

// append stores an access after the newest message. The error is a conflict when
// another process has stored one since.
func (w *Auditor) append(ctx context.Context, a Access) error {
	if w.stream == nil {
		stream, err := w.js.Stream(ctx, StreamAudit)
		if err != nil {
			return err
		}
		w.stream = stream
	}
	if w.last == nil {
		last, err := lastAudit(ctx, w.stream)
		if err != nil {
			return err
		}
		w.last = &last
	}
	a.Prev = w.last
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	about := "people"
	if a.Ward != "" {
		about = "wards"
	}
	subject := AuditSubject(cmp.Or(a.JobID, a.CaseID, about), a.What)
	ack, err := w.js.Publish(ctx, subject, body, jetstream.WithExpectStream(StreamAudit),
		jetstream.WithExpectLastSequence(w.last.Seq))
	if err != nil {
		return err
	}
	link := linkOf(ack.Sequence, subject, body, a.At)
	w.last = &link
	return nil
}

// errAuditBehind means that the server that answers has not the newest message yet.
var errAuditBehind = errors.New("the newest access is not on this server yet")

// lastAudit returns the newest message of the audit. The zero AuditLink means that
// there was none yet.
func lastAudit(ctx context.Context, stream jetstream.Stream) (AuditLink, error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return AuditLink{}, err
	}
	if info.State.Msgs == 0 {
		// None is kept: the next one says after which sequence it comes.
		return AuditLink{Seq: info.State.LastSeq}, nil
	}
	m, err := stream.GetMsg(ctx, info.State.LastSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return AuditLink{}, errAuditBehind
	}
	if err != nil {
		return AuditLink{}, err
	}
	var a Access
	_ = json.Unmarshal(m.Data, &a) // the digest counts; a forged message has no time
	return linkOf(m.Sequence, m.Subject, m.Data, a.At), nil
}

// ReadAccesses yields the accesses to a job or for a case, or all when id is "",
// oldest first. An error is the last thing yielded.
func ReadAccesses(ctx context.Context, js jetstream.JetStream, id string) iter.Seq2[Access, error] {
	return func(yield func(Access, error) bool) {
		for a, err := range ReadAudit(ctx, js, id, 0) {
			if !yield(a.Access, err) {
				return
			}
		}
	}
}
