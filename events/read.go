package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	readBatch   = 500
	readBytes   = 4 << 20
	readTimeout = 10 * time.Second

	newestTimeout = 5 * time.Second
)

// AllSubjects is the filter that all messages match. A stream is read from end to end
// with it: for a filter that only happens to match all, the server goes through its
// subjects with each batch.
const AllSubjects = ">"

// ErrIncomplete means that the server stopped answering in the middle of a
// batch. Ask again; do not take the messages that came for all of them.
var ErrIncomplete = errors.New("incomplete batch")

// ReadBatch returns a batch of stored messages whose subject matches filter, in
// order, beginning at sequence from. More says that the stream holds further
// ones: call again with the last sequence plus one. It only needs permission to
// publish to $JS.API.DIRECT.GET.<stream>.
//
// The error is ErrIncomplete when the count of pending messages falls by more
// than one between two messages: a batch ends without an error of its own when
// its time is up or a message is lost.
func ReadBatch(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64) (
	msgs []*jetstream.RawStreamMsg, more bool, err error,
) {
	r := reader{js: js, stream: stream, filter: filter, from: from, pending: unknown}
	msgs, err = r.next(ctx)
	return msgs, r.pending > 0, err
}

// reader reads all messages of a filter, one batch after the other.
type reader struct {
	js             jetstream.JetStream
	stream, filter string
	from           uint64
	pending        int // how many messages there are from here on, or unknown
}

const unknown = -1

// next returns the next batch. A server that has found fewer messages than it was asked
// for looks through all the rest of the stream for more. So where only some subjects
// match, next asks for one message first, which says how many there are.
func (r *reader) next(ctx context.Context) ([]*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if r.filter == AllSubjects || !strings.ContainsAny(r.filter, "*>") {
		return r.read(ctx, readBatch)
	}
	if r.pending != unknown {
		return r.read(ctx, min(r.pending, readBatch))
	}
	from := r.from
	msgs, err := r.read(ctx, 1)
	if err != nil || r.pending <= 0 {
		return msgs, err
	}
	// From the same place, because a server counts fastest from the beginning.
	r.from = from
	return r.read(ctx, min(r.pending+1, readBatch))
}

// read reads a batch of so many messages.
func (r *reader) read(ctx context.Context, batch int) (msgs []*jetstream.RawStreamMsg, err error) {
	seq, err := getDirect(ctx, r.js, r.stream,
		directRequest{Seq: max(r.from, 1), NextFor: r.filter, Batch: batch, MaxBytes: readBytes})
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", r.stream, r.filter, err)
	}
	pending := unknown
	for m, err := range seq {
		if errors.Is(err, errNoMessages) {
			r.pending = 0
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s %s: %w", r.stream, r.filter, err)
		}
		// Pending may grow while new messages are stored. It must not fall by
		// more than the one message just read.
		if pending >= 0 && m.pending < pending-1 {
			return nil, fmt.Errorf("read %s %s: %w", r.stream, r.filter, ErrIncomplete)
		}
		pending = m.pending
		msgs = append(msgs, &m.RawStreamMsg)
	}
	if len(msgs) == 0 {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read %s %s: %w: %w", r.stream, r.filter, ErrIncomplete, err)
		}
		return nil, fmt.Errorf("read %s %s: %w", r.stream, r.filter, ErrIncomplete)
	}
	r.from, r.pending = msgs[len(msgs)-1].Sequence+1, pending
	return msgs, nil
}

// ReadNewest returns the sequence of the newest stored message whose subject
// matches filter, and when it was stored; zeros when there is none. It only
// needs permission to publish to $JS.API.DIRECT.GET.<stream>. A filter with
// wildcards costs the server a look at each subject; see ReadEnd.
func ReadNewest(ctx context.Context, js jetstream.JetStream, stream, filter string) (
	seq uint64, at time.Time, err error,
) {
	msg, err := readNewest(ctx, js, stream, filter)
	if err != nil || msg == nil {
		return 0, at, err
	}
	return ParsePosition(msg.Header)
}

// readNewest returns the newest stored message whose subject matches filter, nil when
// there is none.
func readNewest(ctx context.Context, js jetstream.JetStream, stream, filter string) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, newestTimeout)
	defer cancel()
	msg, err := getOne(ctx, js, stream, map[string]any{"last_by_subj": filter})
	if err != nil {
		return nil, fmt.Errorf("read the newest message of %s: %w", stream, err)
	}
	return msg, nil
}

// getOne returns the stored message that is the answer to a request, nil when there is none.
func getOne(ctx context.Context, js jetstream.JetStream, stream string, request map[string]any) (*nats.Msg, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	msg, err := js.Conn().RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, body)
	switch {
	case err != nil:
		return nil, err
	case isStored(msg):
		return msg, nil
	case msg.Header.Get("Status") == "404":
		return nil, nil
	}
	return nil, fmt.Errorf("status %s", msg.Header.Get("Status"))
}

// readAt returns the message with a sequence, nil when the stream does not have it.
func readAt(ctx context.Context, js jetstream.JetStream, stream string, seq uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	msg, err := getOne(ctx, js, stream, map[string]any{"seq": seq})
	if err != nil {
		return nil, fmt.Errorf("read %d of %s: %w", seq, stream, err)
	}
	if msg == nil {
		return nil, nil
	}
	m := &jetstream.RawStreamMsg{Subject: serverHeader(msg.Header, "Nats-Subject"), Header: msg.Header, Data: msg.Data}
	m.Sequence, m.Time, err = ParsePosition(msg.Header)
	return m, err
}

// End is where a stream ends.
type End struct {
	// Seq is the newest sequence that the stream has given, 0 where none is known.
	// Its message may have been deleted since.
	Seq uint64
	// Stored is the sequence of the newest message that it still has, 0 for none,
	// and At is when that was stored.
	Stored uint64
	At     time.Time
}

// ReadEnd returns where a stream ends. It costs the server nothing, unless the newest
// message was deleted. filter is one that all messages match, other than AllSubjects. It
// only needs permission to publish to $JS.API.DIRECT.GET.<stream>.
func ReadEnd(ctx context.Context, js jetstream.JetStream, stream, filter string) (end End, err error) {
	msg, err := readNewest(ctx, js, stream, AllSubjects)
	if err != nil {
		return end, err
	}
	deleted := msg == nil
	if deleted {
		// The server has only looked for the message with the newest sequence.
		if msg, err = readNewest(ctx, js, stream, filter); err != nil || msg == nil {
			return end, err
		}
	}
	if end.Stored, end.At, err = ParsePosition(msg.Header); err != nil || !deleted {
		end.Seq = end.Stored
		return end, err
	}
	end.Seq, err = readNewestSequence(ctx, js, stream, serverHeader(msg.Header, "Nats-Subject"))
	return end, err
}

// readNewestSequence returns the newest sequence that a stream has given. The server
// says so at the end of a batch of the last messages of some subjects.
func readNewestSequence(ctx context.Context, js jetstream.JetStream, stream, subject string) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var ended bool
	req := directRequest{LastFor: []string{subject}, Batch: 1}
	req.onEnd = func(h nats.Header) {
		seq, err = strconv.ParseUint(h.Get("Nats-UpTo-Sequence"), 10, 64)
		ended = true
	}
	answers, err := getDirect(ctx, js, stream, req)
	if err != nil {
		return 0, fmt.Errorf("read the end of %s: %w", stream, err)
	}
	for _, rerr := range answers {
		if errors.Is(rerr, errNoMessages) {
			return 0, fmt.Errorf("read the end of %s: %w", stream, ErrIncomplete) // deleted just now
		}
		if rerr != nil {
			return 0, fmt.Errorf("read the end of %s: %w", stream, rerr)
		}
	}
	if err != nil || !ended {
		return 0, fmt.Errorf("read the end of %s: %w", stream, errors.Join(ErrIncomplete, err))
	}
	return seq, nil
}

// ParsePosition returns the sequence of a stored message and when it was stored,
// from the headers that the server adds.
func ParsePosition(h nats.Header) (seq uint64, at time.Time, err error) {
	if seq, err = strconv.ParseUint(serverHeader(h, "Nats-Sequence"), 10, 64); err != nil {
		return 0, at, fmt.Errorf("parse sequence: %w", err)
	}
	if at, err = time.Parse(time.RFC3339Nano, serverHeader(h, "Nats-Time-Stamp")); err != nil {
		return 0, at, fmt.Errorf("parse time stamp: %w", err)
	}
	return seq, at, nil
}

// Messages yields all stored messages whose subject matches filter, oldest
// first, beginning at sequence from. It reads them in batches. An error is the
// last thing yielded.
func Messages(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64,
) iter.Seq2[*jetstream.RawStreamMsg, error] {
	return func(yield func(*jetstream.RawStreamMsg, error) bool) {
		r := reader{js: js, stream: stream, filter: filter, from: from, pending: unknown}
		for r.pending != 0 {
			msgs, err := r.next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, m := range msgs {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// MaxReadLast is how many subjects ReadLast takes. The server refuses more than 1,024.
const MaxReadLast = 500

// ReadLast returns the newest message of each subject, in the order of their
// sequences. A subject without messages has none. It only needs permission to
// publish to $JS.API.DIRECT.GET.<stream>. The error is ErrIncomplete when the
// server stopped answering before the last message.
func ReadLast(ctx context.Context, js jetstream.JetStream, stream string, subjects []string) (
	msgs []*jetstream.RawStreamMsg, err error,
) {
	if len(subjects) == 0 {
		return nil, nil
	}
	if len(subjects) > MaxReadLast {
		return nil, fmt.Errorf("read last of %s: %d subjects, at most %d", stream, len(subjects), MaxReadLast)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	seq, err := getDirect(ctx, js, stream, directRequest{LastFor: subjects, Batch: MaxReadLast})
	if err != nil {
		return nil, fmt.Errorf("read last of %s: %w", stream, err)
	}
	pending := -1
	for m, err := range seq {
		if errors.Is(err, errNoMessages) && pending < 0 {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read last of %s: %w", stream, err)
		}
		pending = m.pending
		msgs = append(msgs, &m.RawStreamMsg)
	}
	if pending != 0 {
		return nil, fmt.Errorf("read last of %s: %w", stream, ErrIncomplete)
	}
	return msgs, nil
}
