package events

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Object is an object in a bucket, whether a fact names it or not.
type Object struct {
	Bucket, Name string
	Size         int64 // bytes
	// At is when it was stored.
	At time.Time

	chunks string // the subject of its chunks
}

// JobID returns the job that the name of the object begins with; "" when there
// is none.
func (o Object) JobID() string {
	id, _, _ := strings.Cut(o.Name, "/")
	if !ValidJobID(id) {
		return ""
	}
	return id
}

// JetStream stores objects as ADR-20 says. The bucket B is the stream OBJ_B. The
// description of an object is the last message on $O.B.M.<name in base64>. Its
// bytes are the messages on $O.B.C.<nuid>.

func objectStream(bucket string) string { return "OBJ_" + bucket }

func metaSubject(bucket, name string) string {
	return "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

func chunkSubject(bucket, nuid string) string { return "$O." + bucket + ".C." + nuid }

// parseObject reads the description of an object. One that was deleted has no name.
func parseObject(bucket string, m *jetstream.RawStreamMsg) (o Object, err error) {
	var info jetstream.ObjectInfo
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return o, fmt.Errorf("message %d describes no object", m.Sequence)
	}
	if info.Deleted {
		return o, nil
	}
	return Object{Bucket: bucket, Name: info.Name, Size: int64(info.Size), At: m.Time,
		chunks: chunkSubject(bucket, info.NUID)}, nil
}

// Objects yields the objects of a bucket, oldest first. An error is the last
// thing yielded. It needs permission for batched direct gets of the stream of
// the bucket.
func (s *Store) Objects(ctx context.Context, bucket string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for m, err := range Messages(ctx, s.js, objectStream(bucket), "$O."+bucket+".M.>", 1) {
			if err != nil {
				yield(Object{}, err)
				return
			}
			o, err := parseObject(bucket, m)
			if err != nil {
				yield(Object{}, fmt.Errorf("list %s: %w", bucket, err))
				return
			}
			if o.Name != "" && !yield(o, nil) {
				return
			}
		}
	}
}

// Remove deletes an object that Objects yielded. It deletes the description
// first, so that nobody starts to read a half-deleted object. If it dies in
// between, RemoveStray deletes the rest.
func (s *Store) Remove(ctx context.Context, o Object) error {
	if err := s.purge(ctx, o.Bucket, metaSubject(o.Bucket, o.Name), o.chunks); err != nil {
		return fmt.Errorf("remove %s/%s: %w", o.Bucket, o.Name, err)
	}
	return nil
}

// Discard deletes an object that no fact names. A missing object is no error.
// It works in a full bucket too, unlike the Delete of the object store, which
// stores a marker.
func (s *Store) Discard(ctx context.Context, bucket, name string) error {
	b, err := s.bucket(ctx, bucket)
	if err != nil {
		return fmt.Errorf("discard %s/%s: %w", bucket, name, err)
	}
	info, err := b.GetInfo(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("discard %s/%s: %w", bucket, name, err)
	}
	return s.Remove(ctx, Object{Bucket: bucket, Name: name, chunks: chunkSubject(bucket, info.NUID)})
}

// Find returns an object of a bucket, nil when there is none. It needs permission for
// batched direct gets of the stream of the bucket.
func (s *Store) Find(ctx context.Context, bucket, name string) (*Object, error) {
	msgs, err := ReadLast(ctx, s.js, objectStream(bucket), []string{metaSubject(bucket, name)})
	if err != nil || len(msgs) == 0 {
		return nil, err
	}
	o, err := parseObject(bucket, msgs[0])
	if err != nil || o.Name == "" {
		return nil, err
	}
	return &o, nil
}

// Stray is what an abandoned write has left: chunks that belong to no object, because
// their writer died before it stored the description, or is still running.
type Stray struct {
	At     time.Time // when the last chunk was stored
	chunks string
}

// Strays returns the strays of a bucket. objects are all objects of the bucket, as they
// were listed a moment ago.
func (s *Store) Strays(ctx context.Context, bucket string, objects []Object) (list []Stray, err error) {
	stream, err := s.js.Stream(ctx, objectStream(bucket))
	if err != nil {
		return nil, fmt.Errorf("find stray chunks in %s: %w", bucket, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(chunkSubject(bucket, "*")))
	if err != nil {
		return nil, fmt.Errorf("find stray chunks in %s: %w", bucket, err)
	}
	stray := info.State.Subjects
	for _, o := range objects {
		delete(stray, o.chunks)
	}
	for subject := range stray {
		last, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // somebody else removed it
		}
		if err != nil {
			return nil, fmt.Errorf("find stray chunks in %s: %w", bucket, err)
		}
		list = append(list, Stray{At: last.Time, chunks: subject})
	}
	return list, nil
}

// RemoveStray deletes a stray.
func (s *Store) RemoveStray(ctx context.Context, bucket string, stray Stray) error {
	if err := s.purge(ctx, bucket, stray.chunks); err != nil {
		return fmt.Errorf("remove stray chunks in %s: %w", bucket, err)
	}
	return nil
}

// PurgeJob deletes all messages of a job, its progress first. Nobody can read
// the history of the job afterwards. Call it only for jobs with an erasure as
// expired, which nothing can follow. The error is ErrNotFound for an id of the
// wrong form.
func (l *Log) PurgeJob(ctx context.Context, jobID string) error {
	if !ValidJobID(jobID) {
		return ErrNotFound
	}
	for _, name := range []string{StreamProgress, StreamFacts} {
		stream, err := l.js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("purge job: %w", err)
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(JobFilter(jobID))); err != nil {
			return fmt.Errorf("purge job: %w", err)
		}
	}
	return nil
}
