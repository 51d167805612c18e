package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
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
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	seq, err := getDirect(ctx, js, stream,
		directRequest{Seq: max(from, 1), NextFor: filter, Batch: readBatch, MaxBytes: readBytes})
	if err != nil {
		return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, err)
	}
	pending := -1
	for m, err := range seq {
		if errors.Is(err, errNoMessages) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, err)
		}
		// Pending may grow while new messages are stored. It must not fall by
		// more than the one message just read.
		if pending >= 0 && m.pending < pending-1 {
			return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, ErrIncomplete)
		}
		pending = m.pending
		msgs = append(msgs, &m.RawStreamMsg)
	}
	if len(msgs) == 0 {
		if err := ctx.Err(); err != nil {
			return nil, false, fmt.Errorf("read %s %s: %w: %w", stream, filter, ErrIncomplete, err)
		}
		return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, ErrIncomplete)
	}
	return msgs, pending > 0, nil
}

// ReadNewest returns the sequence of the newest stored message whose subject
// matches filter, and when it was stored; zeros when there is none. It only
// needs permission to publish to $JS.API.DIRECT.GET.<stream>.
func ReadNewest(ctx context.Context, js jetstream.JetStream, stream, filter string) (
	seq uint64, at time.Time, err error,
) {
	ctx, cancel := context.WithTimeout(ctx, newestTimeout)
	defer cancel()
	req, err := json.Marshal(map[string]string{"last_by_subj": filter})
	if err != nil {
		return 0, at, err
	}
	msg, err := js.Conn().RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, req)
	if err != nil {
		return 0, at, fmt.Errorf("read the newest message of %s: %w", stream, err)
	}
	if isStored(msg) {
		return ParsePosition(msg.Header)
	}
	switch status := msg.Header.Get("Status"); status {
	case "404":
		return 0, at, nil
	default:
		return 0, at, fmt.Errorf("read the newest message of %s: status %s", stream, status)
	}
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
// first, beginning at sequence from. It reads them with ReadBatch. An error is
// the last thing yielded.
func Messages(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64,
) iter.Seq2[*jetstream.RawStreamMsg, error] {
	return func(yield func(*jetstream.RawStreamMsg, error) bool) {
		for more := true; more; {
			var msgs []*jetstream.RawStreamMsg
			var err error
			if msgs, more, err = ReadBatch(ctx, js, stream, filter, from); err != nil {
				yield(nil, err)
				return
			}
			for _, m := range msgs {
				if !yield(m, nil) {
					return
				}
				from = m.Sequence + 1
			}
		}
	}
}

// MaxReadLast is how many subjects ReadLast takes. The client library has room
// for a thousand messages, the end of the batch included, and drops the rest.
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
