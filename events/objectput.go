package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// chunksUnconfirmed is how many chunks of an object NATS may not have confirmed yet. They
// wait for the disk in its memory, and where too many do, it refuses more. The Put of the
// client sends up to 4,000.
const chunksUnconfirmed = 8

// writeObject stores what r reads under a name, in place of an object that has it, and
// returns its size in bytes. The digest has what was read.
func (s *Store) writeObject(ctx context.Context, bucket, name string, r io.Reader, digest hash.Hash) (int64, error) {
	b, err := s.bucket(ctx, bucket)
	if err != nil {
		return 0, err
	}
	old, err := b.GetInfo(ctx, name)
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return 0, err
	}
	info := jetstream.ObjectInfo{Bucket: bucket, NUID: rand.Text(), ObjectMeta: jetstream.ObjectMeta{
		Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkSize},
	}}
	chunks := chunkSubject(bucket, info.NUID)
	err = s.writeChunks(ctx, chunks, io.TeeReader(r, digest), &info)
	if err == nil {
		info.Digest = jetstream.GetObjectDigestValue(digest)
		err = s.describeObject(ctx, info)
	}
	if err != nil {
		_ = s.purge(ctx, bucket, chunks) // what is left is a stray
		return 0, err
	}
	if old != nil {
		_ = s.purge(ctx, bucket, chunkSubject(bucket, old.NUID)) // the same
	}
	return int64(info.Size), nil
}

// writeChunks stores what r reads and counts it in info. No chunk is sent twice, since it
// could come after the next one then.
func (s *Store) writeChunks(ctx context.Context, subject string, r io.Reader, info *jetstream.ObjectInfo) (err error) {
	var unconfirmed []jetstream.PubAckFuture
	defer func() {
		for _, f := range unconfirmed {
			err = errors.Join(err, awaitConfirmed(ctx, f))
		}
	}()
	chunk := make([]byte, chunkSize)
	for {
		n, readErr := io.ReadFull(r, chunk)
		atEnd := errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF)
		if readErr != nil && !atEnd {
			return readErr
		}
		if n > 0 {
			msg := &nats.Msg{Subject: subject, Data: chunk[:n]} // copied before the call returns
			f, err := s.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0))
			if err != nil {
				return err
			}
			unconfirmed = append(unconfirmed, f)
			info.Size, info.Chunks = info.Size+uint64(n), info.Chunks+1
		}
		if atEnd {
			return nil
		}
		if len(unconfirmed) == chunksUnconfirmed {
			first := unconfirmed[0]
			unconfirmed = unconfirmed[1:]
			if err := awaitConfirmed(ctx, first); err != nil {
				return err
			}
		}
	}
}

func awaitConfirmed(ctx context.Context, f jetstream.PubAckFuture) error {
	timeout := time.NewTimer(publishTimeout)
	defer timeout.Stop()
	select {
	case <-f.Ok():
		return nil
	case err := <-f.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return nats.ErrTimeout
	}
}

// describeObject makes the chunks of an object the ones that its name stands for.
func (s *Store) describeObject(ctx context.Context, info jetstream.ObjectInfo) error {
	body, err := json.Marshal(info)
	if err != nil {
		return err
	}
	msg := nats.NewMsg(metaSubject(info.Bucket, info.Name))
	msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	msg.Data = body
	_, err = s.js.PublishMsg(ctx, msg)
	return err
}

// purge removes all messages of subjects from the stream of a bucket, in their order.
func (s *Store) purge(ctx context.Context, bucket string, subjects ...string) error {
	stream, err := s.js.Stream(ctx, objectStream(bucket))
	if err != nil {
		return err
	}
	for _, subject := range subjects {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return err
		}
	}
	return nil
}
