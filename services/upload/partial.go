package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// block is how many bytes of a part are stored as one message. A process that is
// killed loses at most one; when a connection breaks, every byte that came is stored.
const block = 256 << 10

// headerFrom says at which offset in the file a message's bytes begin.
const headerFrom = "Rollcall-From"

// errOvertaken says that another request has added to the upload since it was loaded.
var errOvertaken = errors.New("another request has added to the upload")

// partial is an upload that comes in parts, as the stream PARTIAL has it: its
// partialInfo on the subject partial.<user>.<id>.info, its bytes on .part, and in place
// of both, once it is a job, the info on .done. The user is in the subject, so that
// nobody finds what is another's. Parts may go to any replica: each append is guarded
// by the last sequence of the upload, so that of two at the same offset one is stored.
type partial struct {
	partialInfo
	offset  int64
	begun   time.Time // or when it became a job
	seq     uint64    // of the newest message
	user    string
	subject string // without the last token
}

type partialInfo struct {
	ID   string            `json:"id"`
	Size int64             `json:"size"` // bytes of the whole file
	Meta map[string]string `json:"meta"`
	// Partial says that the bytes are a part of a file that is sent in several uploads at
	// once, and Parts are the uploads that make this one, in their order.
	Partial bool     `json:"partial,omitempty"`
	Parts   []string `json:"parts,omitempty"`
	// Job is the job that the file has become, "" before.
	Job string `json:"job_id,omitempty"`
	// Offered is the name of a mapping of the user that fits the file, which was sent
	// without one; "" for none.
	Offered string `json:"mapping_offered,omitempty"`
}

func partialSubject(user, id string) string {
	sum := sha256.Sum256([]byte(user))
	return "partial." + hex.EncodeToString(sum[:16]) + "." + id
}

func (p *partial) complete() bool { return p.offset == p.Size }

// partials is the stream PARTIAL.
type partials struct{ js jetstream.JetStream }

// begin stores the info of a new upload, and gives it an id. The id of one that is made
// of parts follows from theirs: who asks for it again, because the answer was lost, gets
// the same one.
func (s partials) begin(ctx context.Context, user string, info partialInfo) (*partial, error) {
	info.ID = uuid.NewString()
	if info.Parts != nil {
		info.ID = idOfParts(info.Parts)
	}
	p := &partial{partialInfo: info, user: user, subject: partialSubject(user, info.ID)}
	err := s.append(ctx, p, "info", info, nil)
	if errors.Is(err, errOvertaken) {
		return s.load(ctx, user, info.ID)
	}
	if err != nil {
		return nil, err
	}
	if p.Parts != nil {
		p.offset = p.Size
	}
	return p, nil
}

func idOfParts(parts []string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.Join(parts, " "))).String()
}

// load returns an upload of a user. The error is events.ErrNotFound when there is none.
func (s partials) load(ctx context.Context, user, id string) (*partial, error) {
	if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
		return nil, events.ErrNotFound
	}
	p := &partial{user: user, subject: partialSubject(user, id)}
	msgs, err := events.ReadLast(ctx, s.js, events.StreamPartial,
		[]string{p.subject + ".info", p.subject + ".part", p.subject + ".done"})
	if err != nil {
		return nil, err
	}
	for _, m := range msgs {
		p.seq = max(p.seq, m.Sequence)
		switch m.Subject {
		case p.subject + ".part":
			from, err := strconv.ParseInt(m.Header.Get(headerFrom), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("load upload: part %d: %w", m.Sequence, err)
			}
			p.offset = from + int64(len(m.Data))
		default:
			if err := json.Unmarshal(m.Data, &p.partialInfo); err != nil {
				return nil, fmt.Errorf("load upload: %w", err)
			}
			p.begun = m.Time
		}
	}
	if p.ID == "" {
		return nil, events.ErrNotFound
	}
	if p.Job != "" || p.Parts != nil {
		p.offset = p.Size
	}
	return p, nil
}

// write stores what comes from r, in blocks, and returns how many bytes that were.
func (s partials) write(ctx context.Context, p *partial, r io.Reader) (written int64, err error) {
	buf := make([]byte, block)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			header := nats.Header{headerFrom: {strconv.FormatInt(p.offset, 10)}}
			if err := s.append(ctx, p, "part", buf[:n], header); err != nil {
				return written, err
			}
			p.offset += int64(n)
			written += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return written, nil
		case err != nil:
			return written, err
		}
	}
}

// append stores a message of the upload, if nothing came in between.
func (s partials) append(ctx context.Context, p *partial, token string, body any, header nats.Header) error {
	msg := &nats.Msg{Subject: p.subject + "." + token, Header: header}
	var err error
	if data, ok := body.([]byte); ok {
		msg.Data = data
	} else if msg.Data, err = json.Marshal(body); err != nil {
		return fmt.Errorf("store part: %w", err)
	}
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(events.StreamPartial),
		jetstream.WithExpectLastSequenceForSubject(p.seq, p.subject+".>"))
	if events.IsConflict(err) {
		return errOvertaken
	}
	if err != nil {
		return fmt.Errorf("store part: %w", err)
	}
	p.seq = ack.Sequence
	return nil
}

// copyTo writes all bytes of the upload to w. The error is errOvertaken when they are
// gone because another request has made a job of them.
func (s partials) copyTo(ctx context.Context, w io.Writer, p *partial) (copied int64, err error) {
	for _, id := range p.Parts {
		part, err := s.load(ctx, p.user, id)
		if err != nil {
			return copied, gone(err)
		}
		n, err := s.copyTo(ctx, w, part)
		copied += n
		if err != nil {
			return copied, err
		}
	}
	if p.Parts != nil {
		return copied, nil
	}
	for m, err := range events.Messages(ctx, s.js, events.StreamPartial, p.subject+".part", 0) {
		if err != nil {
			return copied, err
		}
		if m.Header.Get(headerFrom) != strconv.FormatInt(copied, 10) {
			return copied, errOvertaken
		}
		n, err := w.Write(m.Data)
		copied += int64(n)
		if err != nil {
			return copied, err
		}
	}
	if copied != p.Size {
		return copied, errOvertaken
	}
	return copied, nil
}

// gone turns the answer that there is no such upload into errOvertaken.
func gone(err error) error {
	if errors.Is(err, events.ErrNotFound) {
		return errOvertaken
	}
	return err
}

// finish replaces the bytes, also those of its parts, by the job that they have become.
func (s partials) finish(ctx context.Context, p *partial, job string) error {
	info := p.partialInfo
	info.Job = job
	if err := s.append(ctx, p, "done", info, nil); err != nil {
		return err
	}
	p.Job = job
	if err := s.purge(ctx, p.subject+".info", p.subject+".part"); err != nil {
		return err
	}
	for _, id := range p.Parts {
		part, err := s.load(ctx, p.user, id)
		if err == nil && part.Job == "" {
			err = s.finish(ctx, part, job)
		}
		if err != nil && !errors.Is(gone(err), errOvertaken) {
			return err
		}
	}
	return nil
}

// remove forgets the upload, and its parts.
func (s partials) remove(ctx context.Context, p *partial) error {
	subjects := []string{p.subject + ".>"}
	for _, id := range p.Parts {
		subjects = append(subjects, partialSubject(p.user, id)+".>")
	}
	return s.purge(ctx, subjects...)
}

func (s partials) purge(ctx context.Context, subjects ...string) error {
	stream, err := s.js.Stream(ctx, events.StreamPartial)
	if err != nil {
		return fmt.Errorf("remove parts: %w", err)
	}
	for _, subject := range subjects {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("remove parts: %w", err)
		}
	}
	return nil
}

// countUnfinished returns how many uploads of a user have not arrived whole.
func (s partials) countUnfinished(ctx context.Context, user string) (int, error) {
	stream, err := s.js.Stream(ctx, events.StreamPartial)
	if err != nil {
		return 0, fmt.Errorf("count uploads: %w", err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(partialSubject(user, "*")+".info"))
	if err != nil {
		return 0, fmt.Errorf("count uploads: %w", err)
	}
	return len(info.State.Subjects), nil
}
