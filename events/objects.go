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

// Object is what a bucket holds under a name, whether or not a fact names it.
type Object struct {
	Bucket, Name string
	Size         int64 // bytes
	// At is when it was stored.
	At time.Time

	chunks string // the subject of its chunks
}

// JobID is the job of the object by its name, "" if that names none.
func (o Object) JobID() string {
	id, _, _ := strings.Cut(o.Name, "/")
	if !ValidJobID(id) {
		return ""
	}
	return id
}

// The layout of JetStream's object stores (ADR-20): a bucket B is the stream
// OBJ_B, an object's description the last message on $O.B.M.<name in base64>, its
// bytes the messages on $O.B.C.<nuid>.
func objectStream(bucket string) string { return "OBJ_" + bucket }

func metaSubject(bucket, name string) string {
	return "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

func chunkSubject(bucket, nuid string) string { return "$O." + bucket + ".C." + nuid }

// Objects yields the objects of a bucket, oldest first. An error is the last thing
// yielded. It needs permission for batched direct gets of the bucket's stream.
func (s *Store) Objects(ctx context.Context, bucket string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for m, err := range Messages(ctx, s.js, objectStream(bucket), "$O."+bucket+".M.>", 1) {
			if err != nil {
				yield(Object{}, err)
				return
			}
			var info jetstream.ObjectInfo
			if err := json.Unmarshal(m.Data, &info); err != nil {
				yield(Object{}, fmt.Errorf("list %s: message %d describes no object", bucket, m.Sequence))
				return
			}
			if info.Deleted {
				continue
			}
			o := Object{Bucket: bucket, Name: info.Name, Size: int64(info.Size), At: m.Time, chunks: chunkSubject(bucket, info.NUID)}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Remove deletes an object that Objects gave: first its description, so that nobody
// begins to read what is half gone. What a crash leaves behind is RemoveStray's.
func (s *Store) Remove(ctx context.Context, o Object) error {
	stream, err := s.js.Stream(ctx, objectStream(o.Bucket))
	if err != nil {
		return fmt.Errorf("remove %s/%s: %w", o.Bucket, o.Name, err)
	}
	for _, subject := range []string{metaSubject(o.Bucket, o.Name), o.chunks} {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("remove %s/%s: %w", o.Bucket, o.Name, err)
		}
	}
	return nil
}

// Discard removes an object that no fact names, if it is there. It needs no room,
// which a bucket's own word that an object is deleted does.
func (s *Store) Discard(ctx context.Context, bucket, name string) error {
	b, err := s.js.ObjectStore(ctx, bucket)
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

// RemoveStray removes the bytes of a bucket that belong to no object: what writers
// left behind that died. Bytes that came after before may be of one that is at
// work, and stay. It returns of how many writings there were any.
func (s *Store) RemoveStrayChunks(ctx context.Context, bucket string, before time.Time) (removed int, err error) {
	stream, err := s.js.Stream(ctx, objectStream(bucket))
	if err != nil {
		return 0, fmt.Errorf("look for strays in %s: %w", bucket, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(chunkSubject(bucket, "*")))
	if err != nil {
		return 0, fmt.Errorf("look for strays in %s: %w", bucket, err)
	}
	stray := info.State.Subjects
	for o, err := range s.Objects(ctx, bucket) {
		if err != nil {
			return 0, err
		}
		delete(stray, o.chunks)
	}
	for subject := range stray {
		last, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // somebody else has removed it
		}
		if err != nil {
			return removed, fmt.Errorf("look for strays in %s: %w", bucket, err)
		}
		if !last.Time.Before(before) {
			continue
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return removed, fmt.Errorf("remove strays of %s: %w", bucket, err)
		}
		removed++
	}
	return removed, nil
}

// Forget purges all messages of a job, its progress first. What was told about it
// cannot be told again; call it for jobs that have an erasure as expired, which
// nothing may follow.
func (l *Log) PurgeJob(ctx context.Context, jobID string) error {
	if !ValidJobID(jobID) {
		return ErrNotFound
	}
	for _, name := range []string{StreamProgress, StreamFacts} {
		stream, err := l.js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("forget job: %w", err)
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(JobFilter(jobID))); err != nil {
			return fmt.Errorf("forget job: %w", err)
		}
	}
	return nil
}

// JobIDs yields the ids of all jobs of which the log holds an upload, in the order of
// uploads. An error is the last thing yielded.
func (l *Log) JobIDs(ctx context.Context) iter.Seq2[string, error] {
	every := Subject("*", KindUploaded)
	return func(yield func(string, error) bool) {
		for m, err := range Messages(ctx, l.js, StreamFacts, every, 1) {
			if err != nil {
				yield("", err)
				return
			}
			if id, _, err := ParseSubject(m.Subject); err == nil && !yield(id, nil) {
				return
			}
		}
	}
}
