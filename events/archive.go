package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Archive is one message that holds all messages of a job up to it, which are deleted
// then: a job that has ended long ago is one message. It is no fact, and changes nothing
// of the job. Whatever follows it is guarded by its sequence, as by that of a fact.
type Archive struct {
	Meta                       // Cause is the sequence of the last message in it
	Messages []ArchivedMessage `json:"messages"`
}

// FactKind returns KindArchived.
func (*Archive) FactKind() Kind { return KindArchived }

// ArchivedMessage is a message as it was stored. Of an earlier archive only the place
// and the headers are left, so that the messages after it still follow from something.
type ArchivedMessage struct {
	Seq    uint64      `json:"seq"`
	Stored time.Time   `json:"stored"`
	Kind   Kind        `json:"kind"`
	Header nats.Header `json:"header"`
	Body   string      `json:"body"`
}

// ErrArchive marks a message that is an archive and no fact. Unpack gives what it holds.
var ErrArchive = errors.New("an archive of facts")

const (
	// archiveVersion is the first byte of an archive's body. The rest is the JSON
	// of Archive, compressed with zstd. Who changes that raises DataVersion, too.
	archiveVersion = 1
	// maxArchive is how long the body of an archive is at most: what may be published
	// is a megabyte, headers included. A job whose archive is longer has none.
	maxArchive = 768 << 10
	// maxUnpacked is how much a body is unpacked to at most. Facts repeat much.
	maxUnpacked = 64 << 20
)

// serverHeaders are those that the server adds to a message that it answers with: the
// stream, what the message is in it, how many follow and which was before in the answer.
var serverHeaders = []string{
	headerStream, "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence",
}

// codec compresses and expands archives. Neither of the two keeps a goroutine.
var codec = sync.OnceValues(func() (c struct {
	*zstd.Encoder
	*zstd.Decoder
}, err error) {
	if c.Encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2),
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression)); err != nil {
		return c, err
	}
	c.Decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxUnpacked))
	return c, err
})

// IsArchive reports whether the subject of a stored message is that of an archive.
func IsArchive(m *jetstream.RawStreamMsg) bool {
	_, kind, err := ParseSubject(m.Subject)
	return err == nil && kind == KindArchived
}

// Unpack returns the messages that an archive holds, as the server would answer with
// them, oldest first, and the archive itself behind them. Any other message it returns
// as it is.
//
// The error is ErrUntrusted unless subject, headers and content of an archive agree, and
// ErrNewer for one in a shape that this program does not know.
func Unpack(m *jetstream.RawStreamMsg) ([]*jetstream.RawStreamMsg, error) {
	if !IsArchive(m) {
		return []*jetstream.RawStreamMsg{m}, nil
	}
	a, err := openArchive(m.Subject, m.Header, m.Data, m.Sequence)
	if err != nil {
		return nil, err
	}
	list := make([]*jetstream.RawStreamMsg, 0, len(a.Messages)+1)
	for _, in := range a.Messages {
		list = append(list, in.unpack(a.JobID))
	}
	return append(list, m), nil
}

func (a *ArchivedMessage) unpack(jobID string) *jetstream.RawStreamMsg {
	subject, header := Subject(jobID, a.Kind), nats.Header{}
	for name, values := range a.Header {
		header[name] = slices.Clone(values)
	}
	for i, value := range []string{
		StreamFacts, subject, strconv.FormatUint(a.Seq, 10), a.Stored.Format(time.RFC3339Nano), "0", "0",
	} {
		header[serverHeaders[i]] = append(header[serverHeaders[i]], value)
	}
	return &jetstream.RawStreamMsg{
		Subject: subject, Sequence: a.Seq, Time: a.Stored, Header: header, Data: []byte(a.Body),
	}
}

// openArchive reads the body of an archive and compares it with subject and headers.
func openArchive(subject string, header nats.Header, body []byte, seq uint64) (*Archive, error) {
	jobID, kind, _, err := checkEnvelope(subject, header)
	if err != nil {
		return nil, err
	}
	subject = safeSubject(jobID, kind)
	untrusted := func(why string) error { return fmt.Errorf("decode %s: %w: %s", subject, ErrUntrusted, why) }
	if _, err := upgradeBody(upgrades[:], header, kind, nil); err != nil {
		return nil, fmt.Errorf("decode %s: %w", subject, err)
	}
	doc, err := UnpackArchive(body)
	if err != nil {
		return nil, untrusted("it cannot be unpacked")
	}
	a := &Archive{}
	if err := json.Unmarshal(doc, a); err != nil {
		return nil, untrusted(describeFault(err))
	}
	if a.JobID != jobID || a.Kind != kind {
		return nil, untrusted("body names another job or kind")
	}
	if !isMsgID(header.Get(HeaderMsgID), jobID, kind, a.Cause) {
		return nil, untrusted("message id does not match")
	}
	last := uint64(0)
	for _, m := range a.Messages {
		if m.Seq <= last || !slices.Contains(Kinds, m.Kind) {
			return nil, untrusted("its messages are not in order")
		}
		last = m.Seq
	}
	// The server compared the guard with what there was. A copied stream has none.
	if guard, ok := PreviousSeq(jobID, header); last == 0 || last != a.Cause || last >= seq || ok && guard != last {
		return nil, untrusted("its messages do not end where it follows")
	}
	return a, nil
}

// UnpackArchive returns the JSON of an archive from its body.
func UnpackArchive(body []byte) ([]byte, error) {
	if len(body) == 0 || body[0] != archiveVersion {
		return nil, errors.New("unpack archive: unknown version")
	}
	c, err := codec()
	if err != nil {
		return nil, fmt.Errorf("unpack archive: %w", err)
	}
	doc, err := c.DecodeAll(body[1:], nil)
	if err != nil {
		return nil, fmt.Errorf("unpack archive: %w", err)
	}
	return doc, nil
}

// packArchive returns the message of an archive of messages, which are those that the
// server answers with.
func packArchive(job *Job, msgs []*jetstream.RawStreamMsg, at time.Time, source Stage) (*nats.Msg, error) {
	a := &Archive{Meta: Meta{JobID: job.ID, Kind: KindArchived, At: at.UTC(), Cause: msgs[len(msgs)-1].Sequence}}
	for _, m := range msgs {
		_, kind, err := ParseSubject(m.Subject)
		if err != nil {
			return nil, err
		}
		in := ArchivedMessage{Seq: m.Sequence, Stored: m.Time, Kind: kind, Header: storedHeader(m.Header)}
		if kind != KindArchived {
			in.Body = string(m.Data)
		}
		a.Messages = append(a.Messages, in)
	}
	doc, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("pack archive: %w", err)
	}
	c, err := codec()
	if err != nil {
		return nil, fmt.Errorf("pack archive: %w", err)
	}
	msg := nats.NewMsg(Subject(job.ID, KindArchived))
	msg.Data = c.EncodeAll(doc, []byte{archiveVersion})
	id := MsgID(job.ID, KindArchived, a.Cause)
	setHeaders(msg.Header, id, job.ID, job.Owner.ID, KindArchived, source, at)
	msg.Header.Set(HeaderMsgID, id)
	msg.Header.Set(HeaderContentType, "application/zstd")
	msg.Header.Set(HeaderDataVersion, strconv.Itoa(versionOf(a)))
	return msg, nil
}

// storedHeader returns the headers that a message was stored with: all but the last
// value of those that the server adds.
func storedHeader(all nats.Header) nats.Header {
	stored := nats.Header{}
	for name, values := range all {
		if slices.Contains(serverHeaders, name) {
			values = values[:len(values)-1]
		}
		if len(values) > 0 {
			stored[name] = values
		}
	}
	return stored
}

// IsSame reports whether two answers of the server are the same stored message. Of an
// earlier archive the place counts.
func IsSame(a, b *jetstream.RawStreamMsg) bool {
	x, y := storedHeader(a.Header), storedHeader(b.Header)
	same := a.Subject == b.Subject && a.Sequence == b.Sequence && a.Time.Equal(b.Time) && len(x) == len(y) &&
		(IsArchive(a) || bytes.Equal(a.Data, b.Data))
	for name, values := range x {
		same = same && slices.Equal(values, y[name])
	}
	return same
}

// unpacked is what the messages of a job stand for.
type unpacked struct {
	facts   []*jetstream.RawStreamMsg // those that are no archive
	archive uint64                    // the sequence of the archive that has all facts; 0 for none
	last    uint64                    // the sequence of the last message
}

// unpackJob returns what the messages of a job stand for. The facts before an archive are
// those in it: whoever archives a job may have been killed before it deleted the others.
func unpackJob(msgs []*jetstream.RawStreamMsg) (u unpacked, err error) {
	for _, m := range msgs {
		u.last, u.archive = m.Sequence, 0
		if !IsArchive(m) {
			u.facts = append(u.facts, m)
			continue
		}
		inner, err := Unpack(m)
		switch {
		case errors.Is(err, ErrNewer):
			return u, err
		case err != nil:
			u.facts = append(u.facts, m) // a forgery, which Decode refuses
		default:
			u.facts, u.archive = slices.DeleteFunc(inner, IsArchive), m.Sequence
		}
	}
	return u, nil
}
