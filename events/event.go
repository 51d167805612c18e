package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrUntrusted marks a message whose subject, headers and body disagree.
// Whoever stored it is not part of rollcall, so nobody acts on it.
var ErrUntrusted = errors.New("message not trusted")

// Event is a stored fact and its place in the log.
type Event struct {
	JobID string
	Kind  Kind
	// Seq is the stream sequence; 0 while the fact is not stored.
	Seq uint64
	// Owner is the id of the user who uploaded the job, as UserID gives it.
	Owner string
	// At is when the fact was made, in UTC.
	At time.Time
	// Cause is the sequence of the fact that led to this one; 0 for uploaded.
	Cause uint64
	// Trace is the traceparent of the span that stored the fact; "" when nobody
	// traced it.
	Trace string
	Fact  Fact
}

func encode(jobID, owner string, cause uint64, at time.Time, source Stage, fact Fact) (*nats.Msg, error) {
	kind := fact.FactKind()
	*fact.meta() = Meta{JobID: jobID, Kind: kind, At: at.UTC(), Cause: cause}
	body, err := json.Marshal(fact)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	msg := nats.NewMsg(Subject(jobID, kind))
	msg.Data = body
	setHeaders(msg.Header, MsgID(jobID, kind, cause), jobID, owner, kind, source, at)
	msg.Header.Set(HeaderDataVersion, strconv.Itoa(versionOf(fact)))
	msg.Header.Set(HeaderMsgID, MsgID(jobID, kind, cause))
	return msg, nil
}

func setHeaders(h nats.Header, id, jobID, owner string, kind Kind, source Stage, at time.Time) {
	h.Set(HeaderSpecVersion, "1.0")
	h.Set(HeaderID, id)
	h.Set(HeaderSource, sourcePrefix+string(source))
	h.Set(HeaderType, typePrefix+string(kind))
	h.Set(HeaderSubject, jobID)
	h.Set(HeaderTime, at.UTC().Format(time.RFC3339Nano))
	h.Set(HeaderContentType, "application/json")
	h.Set(HeaderOwner, url.PathEscape(owner))
	h.Set(HeaderDataVersion, "1")
}

// Decode reads a stored fact. Older data versions come out in the newest shape.
//
// The error is ErrUntrusted unless subject, headers and body name the same job,
// kind, owner and message id. It is ErrNewer for a data version that this
// program does not know, and ErrArchive for an archive.
func Decode(subject string, header nats.Header, body []byte, seq uint64) (Event, error) {
	return decode(upgrades[:], subject, header, body, seq)
}

func decode(upgrades []upgrade, subject string, header nats.Header, body []byte, seq uint64) (Event, error) {
	jobID, kind, owner, err := checkEnvelope(subject, header)
	if err != nil {
		return Event{}, err
	}
	subject = safeSubject(jobID, kind)
	if body, err = upgradeBody(upgrades, header, kind, body); err != nil {
		return Event{}, fmt.Errorf("decode %s: %w", subject, err)
	}
	if kind == KindArchived {
		if _, err := openArchive(subject, header, body, seq); err != nil {
			return Event{}, err
		}
		return Event{}, fmt.Errorf("decode %s: %w", subject, ErrArchive)
	}
	fact := newFact(kind)
	if fact == nil {
		return Event{}, fmt.Errorf("decode %s: %w: no such kind", subject, ErrUntrusted)
	}
	if err := json.Unmarshal(body, fact); err != nil {
		return Event{}, fmt.Errorf("decode %s: %w: %s", subject, ErrUntrusted, describeFault(err))
	}
	m := fact.meta()
	if m.JobID != jobID || m.Kind != kind {
		return Event{}, fmt.Errorf("decode %s: %w: body names another job or kind", subject, ErrUntrusted)
	}
	if !isMsgID(header.Get(HeaderMsgID), jobID, kind, m.Cause) {
		return Event{}, fmt.Errorf("decode %s: %w: message id does not match", subject, ErrUntrusted)
	}
	if up, ok := fact.(*Uploaded); ok {
		// Of old facts: an id that new ones would not have.
		if up.Owner.ID = UserID(up.Owner.ID); up.Owner.ID != owner {
			return Event{}, fmt.Errorf("decode %s: %w: body names another owner", subject, ErrUntrusted)
		}
	}
	return Event{
		JobID: jobID, Kind: kind, Seq: seq, Owner: owner,
		At: m.At, Cause: m.Cause, Trace: header.Get(HeaderTrace), Fact: fact,
	}, nil
}

// isMsgID reports whether id is the message id of a fact. A number may follow
// it: that of a message that has taken the id.
func isMsgID(id, jobID string, kind Kind, cause uint64) bool {
	rest, ok := strings.CutPrefix(id, MsgID(jobID, kind, cause))
	if !ok || rest == "" {
		return ok
	}
	_, err := strconv.ParseUint(strings.TrimPrefix(rest, "."), 10, 64)
	return rest[0] == '.' && err == nil
}

// PreviousSeq returns the sequence of the job's message before this stored one;
// 0 for the first. Ok is false when the headers hold no guard: Append did not
// store the message, or the server copied it from another stream.
func PreviousSeq(jobID string, header nats.Header) (seq uint64, ok bool) {
	if header.Get(HeaderExpectedFilter) != JobFilter(jobID) {
		return 0, false
	}
	seq, err := strconv.ParseUint(header.Get(HeaderExpectedSeq), 10, 64)
	return seq, err == nil
}

// DecodeProgress reads a progress message and returns the owner of its job. The
// error is ErrUntrusted when subject, headers and body disagree.
func DecodeProgress(subject string, header nats.Header, body []byte) (Progress, string, error) {
	jobID, kind, owner, err := checkEnvelope(subject, header)
	if err != nil {
		return Progress{}, "", err
	}
	subject = safeSubject(jobID, kind)
	var p Progress
	if err := json.Unmarshal(body, &p); err != nil {
		return Progress{}, "", fmt.Errorf("decode %s: %w: %s", subject, ErrUntrusted, describeFault(err))
	}
	if kind != KindProgress || p.Kind != kind || p.JobID != jobID {
		return Progress{}, "", fmt.Errorf("decode %s: %w: body names another job or kind", subject, ErrUntrusted)
	}
	return p, owner, nil
}

// describeFault says why a body cannot be read. It quotes nothing of the body.
func describeFault(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("%s is not of type %s", kind.Field, kind.Type)
	case errors.As(err, &syntax):
		return fmt.Sprintf("invalid JSON at byte %d", syntax.Offset)
	}
	return "a value cannot be read"
}

// safeSubject returns a subject that an error may quote. The kind of a forged
// subject can be any text, even an ID number, so an unknown kind is left out.
func safeSubject(jobID string, kind Kind) string {
	if kind != KindProgress && !slices.Contains(Kinds, kind) {
		return JobFilter(jobID)
	}
	return Subject(jobID, kind)
}

// checkEnvelope checks that subject and headers name the same job and kind, and
// returns the owner from the headers. The error is ErrUntrusted.
func checkEnvelope(subject string, header nats.Header) (jobID string, kind Kind, owner string, err error) {
	jobID, kind, err = ParseSubject(subject)
	if err != nil {
		return "", "", "", fmt.Errorf("%w: %v", ErrUntrusted, err)
	}
	subject = safeSubject(jobID, kind)
	if len(header.Values(headerStream)) > 1 {
		return "", "", "", fmt.Errorf("decode %s: %w: an answer of the server, stored as a fact", subject, ErrUntrusted)
	}
	if header.Get(HeaderSubject) != jobID || header.Get(HeaderType) != typePrefix+string(kind) {
		return "", "", "", fmt.Errorf("decode %s: %w: headers name another job or kind", subject, ErrUntrusted)
	}
	owner, err = url.PathUnescape(header.Get(HeaderOwner))
	if err != nil || owner == "" {
		return "", "", "", fmt.Errorf("decode %s: %w: no owner", subject, ErrUntrusted)
	}
	return jobID, kind, UserID(owner), nil
}
