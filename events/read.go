package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	readBatch   = 500
	readBytes   = 4 << 20
	readTimeout = 10 * time.Second
)

// ErrIncomplete says that the server stopped answering in the middle of a
// batch. Asking again is right; taking what came for everything is not.
var ErrIncomplete = errors.New("incomplete batch")

// Read returns, in order, stored messages from sequence from on whose subject
// matches filter, at most a batch of them. More says that the stream holds
// further ones: call again with the last sequence plus one. It needs
// permission to publish to $JS.API.DIRECT.GET.<stream> and nothing else.
//
// A batch get ends without an error when its time is up or a message was lost
// on the way, so the count of pending messages must fall by one from each
// message to the next; otherwise the error is ErrIncomplete.
func ReadBatch(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64) (msgs []*jetstream.RawStreamMsg, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	seq, err := jetstreamext.GetBatch(ctx, js, stream, readBatch,
		jetstreamext.GetBatchSeq(max(from, 1)), jetstreamext.GetBatchSubject(filter), jetstreamext.GetBatchMaxBytes(readBytes))
	if err != nil {
		return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, err)
	}
	pending := -1
	for m, err := range seq {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, err)
		}
		left, err := strconv.Atoi(m.Header.Get("Nats-Num-Pending"))
		if err != nil {
			return nil, false, fmt.Errorf("read %s %s: pending: %w", stream, filter, err)
		}
		// New messages may be stored while the batch is under way, so pending
		// may stay or grow; it must not fall by more than the one just read.
		if pending >= 0 && left < pending-1 {
			return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, ErrIncomplete)
		}
		pending = left
		msgs = append(msgs, m)
	}
	if len(msgs) == 0 {
		if err := ctx.Err(); err != nil {
			return nil, false, fmt.Errorf("read %s %s: %w: %w", stream, filter, ErrIncomplete, err)
		}
		return nil, false, fmt.Errorf("read %s %s: %w", stream, filter, ErrIncomplete)
	}
	return msgs, pending > 0, nil
}

// Messages yields all stored messages from sequence from on whose subject matches
// filter, oldest first, as Read reads them. An error is the last thing yielded.
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

// MaxLast is how many subjects ReadLast takes. The library has room for a
// thousand messages, the end of a batch among them, and drops what is more.
const MaxReadLast = 500

// ReadLast returns the newest message of each subject that has one, in the order
// of their sequences. It needs permission to publish to $JS.API.DIRECT.GET.<stream>. A
// server that stops answering in the middle leaves messages out, which is no
// error here: ask for what is missing by itself.
func ReadLast(ctx context.Context, js jetstream.JetStream, stream string, subjects []string) (msgs []*jetstream.RawStreamMsg, err error) {
	if len(subjects) == 0 {
		return nil, nil
	}
	if len(subjects) > MaxReadLast {
		return nil, fmt.Errorf("read last of %s: %d subjects, at most %d", stream, len(subjects), MaxReadLast)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	seq, err := jetstreamext.GetLastMsgsFor(ctx, js, stream, subjects, jetstreamext.GetLastMsgsBatchSize(MaxReadLast))
	if err != nil {
		return nil, fmt.Errorf("read last of %s: %w", stream, err)
	}
	for m, err := range seq {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read last of %s: %w", stream, err)
		}
		msgs = append(msgs, m)
	}
	return msgs, nil
}
