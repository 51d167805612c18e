package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var errConnectionLost = errors.New("nats connection lost")

// A replica that is behind may have the description of an object but not yet all
// of its chunks. copyObject asks again this often before it believes that they
// are gone.
const (
	chunkTries = 10
	chunkWait  = 200 * time.Millisecond
)

// copyObject writes the bytes of an object to w and returns how many they were.
// It reads them by batches of direct gets and needs no consumer: a user who may
// make one could have the server publish what a bucket holds on any subject.
// The error is ErrMissing when there is no such object, and ErrAltered when its
// size is another, or chunks of it are gone.
func (s *Store) copyObject(ctx context.Context, a Artifact, w io.Writer) (n int64, err error) {
	info, err := s.describe(ctx, a)
	if err != nil {
		return 0, err
	}
	if info.Size != uint64(max(a.Size, 0)) {
		return 0, ErrAltered
	}
	if s.noted {
		return s.copyNoted(ctx, a, w)
	}
	from := uint64(1)
	for tries := 0; n < a.Size; {
		chunks, err := s.readBatch(ctx, a.Bucket, chunkSubject(a.Bucket, info.NUID), from)
		if err != nil {
			return n, err
		}
		if len(chunks) == 0 {
			if tries++; tries == chunkTries {
				return n, fmt.Errorf("%w: %d of %d bytes are left", ErrAltered, n, a.Size)
			}
			select {
			case <-ctx.Done():
				return n, ctx.Err()
			case <-time.After(chunkWait):
			}
		}
		for _, c := range chunks {
			written, err := w.Write(c.Data)
			if n += int64(written); err != nil {
				return n, err
			}
			from = c.Sequence + 1
		}
	}
	return n, nil
}

// describe returns the description of an object.
func (s *Store) describe(ctx context.Context, a Artifact) (info jetstream.ObjectInfo, err error) {
	if s.noted {
		return s.describeNoted(ctx, a)
	}
	msgs, err := s.readBatch(ctx, a.Bucket, metaSubject(a.Bucket, a.Name), 1)
	if err != nil {
		return info, err
	}
	if len(msgs) == 0 {
		return info, ErrMissing
	}
	if err := json.Unmarshal(msgs[len(msgs)-1].Data, &info); err != nil || info.NUID == "" {
		return info, fmt.Errorf("%w: its description cannot be read", ErrAltered)
	}
	if info.Deleted {
		return info, ErrMissing
	}
	return info, nil
}

func (s *Store) describeNoted(ctx context.Context, a Artifact) (info jetstream.ObjectInfo, err error) {
	b, err := s.bucket(ctx, a.Bucket)
	if err != nil {
		return info, err
	}
	found, err := b.GetInfo(ctx, a.Name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return info, ErrMissing
	}
	if err != nil {
		return info, err
	}
	return *found, nil
}

// copyNoted is copyObject through a consumer.
func (s *Store) copyNoted(ctx context.Context, a Artifact, w io.Writer) (n int64, err error) {
	b, err := s.bucket(ctx, a.Bucket)
	if err != nil {
		return 0, err
	}
	object, err := b.Get(ctx, a.Name)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(w, object)
	if errors.Is(err, jetstream.ErrDigestMismatch) {
		err = ErrAltered
	}
	return n, errors.Join(err, object.Close())
}

// readBatch is ReadBatch of the stream of a bucket. A request that is in flight
// when the connection breaks is never answered, so readBatch repeats it as soon
// as the connection breaks, and also a batch that came in part.
func (s *Store) readBatch(ctx context.Context, bucket, subject string, from uint64) (
	msgs []*jetstream.RawStreamMsg, err error,
) {
	nc := s.js.Conn()
	for {
		lost := nc.StatusChanged(nats.RECONNECTING)
		attempt, cancel := context.WithCancelCause(ctx)
		done, watching := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watching)
			select {
			case <-lost:
				cancel(errConnectionLost)
			case <-done:
			}
		}()
		msgs, _, err = ReadBatch(attempt, s.js, objectStream(bucket), subject, from)
		close(done)
		<-watching
		broken := context.Cause(attempt) == errConnectionLost
		cancel(nil)
		nc.RemoveStatusListener(lost)
		if err == nil || ctx.Err() != nil || !broken && !errors.Is(err, ErrIncomplete) {
			return msgs, err
		}
	}
}
