package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// AuditLink names a message of the audit so that no other one can stand in its
// place.
type AuditLink struct {
	Seq uint64 `json:"seq"`
	// SHA256 is the digest of sequence, subject and body; "" when the message was
	// kept no longer.
	SHA256 string `json:"sha256,omitempty"`
	// At is when the access was made.
	At time.Time `json:"at,omitzero"`
}

func linkOf(seq uint64, subject string, body []byte, at time.Time) AuditLink {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d\n%s\n", seq, subject)
	sum.Write(body)
	return AuditLink{Seq: seq, SHA256: hex.EncodeToString(sum.Sum(nil)), At: at}
}

// String returns the link as ParseAuditLink reads it: SEQ:SHA256.
func (l AuditLink) String() string { return fmt.Sprintf("%d:%s", l.Seq, l.SHA256) }

// ParseAuditLink reads a head that somebody has written down.
func ParseAuditLink(text string) (l AuditLink, err error) {
	seq, sum, ok := strings.Cut(strings.TrimSpace(text), ":")
	if l.Seq, err = strconv.ParseUint(seq, 10, 64); err != nil || !ok || len(sum) != 2*sha256.Size {
		return AuditLink{}, errors.New("a head of the audit is a number, a colon and 64 hexadecimal digits")
	}
	l.SHA256 = strings.ToLower(sum)
	return l, nil
}

// AuditHead returns the newest message of the audit. The zero AuditLink means that
// there is none.
func AuditHead(ctx context.Context, js jetstream.JetStream) (AuditLink, error) {
	stream, err := js.Stream(ctx, StreamAudit)
	if err != nil {
		return AuditLink{}, fmt.Errorf("read audit: %w", err)
	}
	last, err := lastAudit(ctx, stream)
	if err != nil {
		return AuditLink{}, fmt.Errorf("read audit: %w", err)
	}
	return last, nil
}

// AuditChain is what VerifyAudit has found.
type AuditChain struct {
	// Messages counts all that are kept. Unchained counts those at the beginning
	// that are older than the chain: nothing proves them but the newest of them.
	Messages, Unchained int
	// First and Head are the oldest and the newest message.
	First, Head AuditLink
	// Began says that messages before the first one are kept no longer, because
	// of their age.
	Began bool
	// Heads counts the known heads that were compared.
	Heads int
	// Faults says where the chain is broken; none if it is whole.
	Faults []AuditFault
}

// AuditFault is a place where the audit is not as it was written.
type AuditFault struct {
	Seq uint64 `json:"seq"`
	Why string `json:"why"`
}

// VerifyAudit reads the whole audit and checks that no message was removed, altered,
// moved or put in. Heads are messages that were the newest once, from a place that
// nobody who can write the stream can write as well: without one, messages missing
// at the end cannot be noticed, nor an audit that was written anew from its
// beginning.
func VerifyAudit(ctx context.Context, js jetstream.JetStream, heads []AuditLink) (AuditChain, error) {
	stream, err := js.Stream(ctx, StreamAudit)
	if err != nil {
		return AuditChain{}, fmt.Errorf("verify audit: %w", err)
	}
	known := make(map[uint64][]AuditLink, len(heads))
	for _, h := range heads {
		known[h.Seq] = append(known[h.Seq], h)
	}
	v := auditVerification{known: known, maxAge: stream.CachedInfo().Config.MaxAge, now: time.Now()}
	for m, err := range Messages(ctx, js, StreamAudit, auditFilter, 1) {
		if err != nil {
			return v.AuditChain, fmt.Errorf("verify audit: %w", err)
		}
		v.add(m)
	}
	last := stream.CachedInfo().State.LastSeq
	if v.Messages > 0 && v.Head.Seq < last {
		v.fault(last, "the newest messages are missing")
	}
	if v.Messages == 0 && last > 0 && v.maxAge == 0 {
		v.fault(last, "no message is left, although they are kept for ever")
	}
	for seq := range known {
		if seq > max(v.Head.Seq, last) {
			v.fault(seq, "the audit ends before this known head")
		}
	}
	return v.AuditChain, nil
}

type auditVerification struct {
	AuditChain
	known  map[uint64][]AuditLink
	maxAge time.Duration
	now    time.Time
}

func (v *auditVerification) fault(seq uint64, why string) {
	v.Faults = append(v.Faults, AuditFault{Seq: seq, Why: why})
}

func (v *auditVerification) add(m *jetstream.RawStreamMsg) {
	var a Access
	if err := json.Unmarshal(m.Data, &a); err != nil {
		v.fault(m.Sequence, "the message cannot be read")
	}
	link := linkOf(m.Sequence, m.Subject, m.Data, a.At)
	before := v.Head
	v.Messages++
	v.Head = link
	if v.Messages == 1 {
		v.First = link
		v.begin(m.Sequence, a.Prev)
	} else {
		v.follow(m.Sequence, before, a.Prev)
	}
	for _, h := range v.known[m.Sequence] {
		v.Heads++
		if h.SHA256 != link.SHA256 {
			v.fault(m.Sequence, "the message is another one than the known head")
		}
	}
}

// begin judges the first message that is kept.
func (v *auditVerification) begin(seq uint64, prev *AuditLink) {
	if prev == nil {
		v.Unchained = 1
	}
	switch {
	case prev != nil && prev.Seq != seq-1:
		v.fault(seq, "the message does not follow the one that it names")
	case seq == 1:
	case v.maxAge == 0:
		v.fault(seq, "the messages before it are missing, although they are kept for ever")
	case prev != nil && !prev.At.IsZero() && v.now.Sub(prev.At) < v.maxAge:
		v.fault(seq, "the message before it was removed before its time")
	default:
		v.Began = true
	}
}

// follow judges a message after another one.
func (v *auditVerification) follow(seq uint64, before AuditLink, prev *AuditLink) {
	switch {
	case seq != before.Seq+1:
		v.fault(seq, fmt.Sprintf("%d messages before it are missing", seq-before.Seq-1))
	case prev == nil && v.Unchained == v.Messages-1:
		v.Unchained++ // from before there was a chain
	case prev == nil:
		v.fault(seq, "the message was put in: it belongs to no chain")
	case prev.Seq != before.Seq || prev.SHA256 != before.SHA256:
		v.fault(seq, "the message before it is not the one that was there, or this one was put in")
	}
}
