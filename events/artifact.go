package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Artifact names a stored object that a fact needs.
type Artifact struct {
	Bucket string `json:"bucket"`
	// Name is <jobId>/<name>.
	Name string `json:"name"`
	// Size is the length of the stored object in bytes.
	Size int64 `json:"size"`
	// SHA256 is the digest of the stored bytes, in lower-case hex.
	SHA256 string `json:"sha256"`
	// Records counts the lines after the header; 0 for workbooks.
	Records int `json:"records,omitempty"`
}

// ErrAltered means that the bytes of an object are not those that the fact
// named.
var ErrAltered = errors.New("artifact altered")

// ErrMissing means that an object that a fact names does not exist.
var ErrMissing = errors.New("artifact missing")

const (
	chunkSize = 512 << 10 // bytes
	// A transfer may take transferTime, and more for an object that needs longer
	// at minRate.
	transferTime = time.Minute
	minRate      = 1 << 20 // bytes per second
)

// Store reads and writes artifacts.
type Store struct {
	js jetstream.JetStream
	// SpoolDir is the folder for the local copies of artifacts. They are files
	// without a name. "" means the temporary folder of the system.
	SpoolDir string
	// Observe is called after each transfer with the number of bytes; written
	// is false for a read. Nil means that nobody counts.
	Observe func(bucket string, written bool, bytes int64)

	noted   bool     // see NewNotedStore
	buckets sync.Map // of jetstream.ObjectStore, by name
}

// NewStore returns a store over the buckets that js has permission for.
func NewStore(js jetstream.JetStream) *Store { return &Store{js: js} }

// NewNotedStore returns a store that reads objects through consumers. That is
// slower, but the server notes each one in the stream ADVISORIES. The user
// investigator has permission for no other reading.
func NewNotedStore(js jetstream.JetStream) *Store { return &Store{js: js, noted: true} }

// Put streams r into an object and returns its size and digest. A failed Put
// leaves no object; it may leave chunks that no object names.
func (s *Store) Put(ctx context.Context, bucket, name string, r io.Reader) (_ Artifact, err error) {
	ctx, span := StartSpan(ctx, "put "+bucket)
	defer func() { EndSpan(span, err) }()
	sum := sha256.New()
	size, err := s.writeObject(ctx, bucket, name, r, sum)
	if err != nil {
		return Artifact{}, fmt.Errorf("put %s/%s: %w", bucket, name, err)
	}
	s.countBytes(bucket, true, size)
	return Artifact{Bucket: bucket, Name: name, Size: size, SHA256: hexSum(sum)}, nil
}

// bucket opens a bucket. It asks the server once: the server notes each request
// to its API in the stream ADVISORIES.
func (s *Store) bucket(ctx context.Context, name string) (jetstream.ObjectStore, error) {
	if b, ok := s.buckets.Load(name); ok {
		return b.(jetstream.ObjectStore), nil
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var b jetstream.ObjectStore
	err := askUntilAnswered(ctx, func(ctx context.Context) (err error) {
		b, err = s.js.ObjectStore(ctx, name)
		return err
	})
	if err == nil {
		s.buckets.Store(name, b)
	}
	return b, err
}

// Fetch copies an object into a local file without a name and returns the file
// at its beginning. Size and digest are those of a. The caller closes the file.
// The error is ErrMissing, ErrAltered, or that of the transfer.
func (s *Store) Fetch(ctx context.Context, a Artifact) (_ *os.File, err error) {
	ctx, span := StartSpan(ctx, "fetch "+a.Bucket)
	defer func() { EndSpan(span, err) }()
	// Without a deadline the client gives up after five seconds.
	ctx, cancel := context.WithTimeout(ctx, transferTime+time.Duration(a.Size/minRate)*time.Second)
	defer cancel()
	f, err := s.OpenSpool()
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	n, err := s.copyObject(ctx, a, io.MultiWriter(f, sum))
	s.countBytes(a.Bucket, false, n)
	switch {
	case err == nil && (n != a.Size || hexSum(sum) != a.SHA256):
		err = ErrAltered
	case err == nil:
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fetch %s/%s: %w", a.Bucket, a.Name, err), f.Close())
	}
	return f, nil
}

func (s *Store) countBytes(bucket string, written bool, bytes int64) {
	if s.Observe != nil {
		s.Observe(bucket, written, bytes)
	}
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// OpenSpool opens a new file in dir and removes its name at once, so that no
// copy of personal data is left behind when the process dies. Dir "" means the
// temporary folder of the system. The caller closes the file.
func OpenSpool(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "rollcall-*")
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), f.Close())
	}
	return f, nil
}

// OpenSpool opens a file without a name in SpoolDir. The caller closes it.
func (s *Store) OpenSpool() (*os.File, error) { return OpenSpool(s.SpoolDir) }
