package events

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Artifact names an object that a fact relies on.
type Artifact struct {
	Bucket string `json:"bucket"`
	// Name is <jobId>/<name>.
	Name string `json:"name"`
	// Size is in bytes, as stored.
	Size int64 `json:"size"`
	// SHA256 is of the bytes as stored, in lower-case hex.
	SHA256 string `json:"sha256"`
	// Records counts the lines after the header; 0 for workbooks.
	Records int `json:"records,omitempty"`
}

// ErrAltered says that an object's bytes are not those that the fact named.
var ErrAltered = errors.New("artifact altered")

// ErrGone says that an object that a fact names is not there.
var ErrMissing = errors.New("artifact gone")

const (
	chunkSize = 512 << 10
	// A transfer may take this long and a second more for each slowest.
	transferTime = time.Minute
	slowest      = 1 << 20 // bytes a second
)

// Store reads and writes artifacts.
type Store struct {
	js jetstream.JetStream
	// SpoolDir is where artifacts in hand are kept, in files that have no name
	// any more; "" means the system's temporary folder.
	SpoolDir string
	// Moved hears how many bytes of a bucket were written, or else read, once
	// they were; nil means that nobody counts.
	Observe func(bucket string, written bool, bytes int64)
}

// NewStore returns a store over the buckets that js may reach.
func NewStore(js jetstream.JetStream) *Store { return &Store{js: js} }

// Put streams r into an object, measuring and hashing on the way. A failed Put
// leaves no object, at worst chunks that no object names.
func (s *Store) Put(ctx context.Context, bucket, name string, r io.Reader) (_ Artifact, err error) {
	ctx, span := StartSpan(ctx, "put "+bucket)
	defer func() { EndSpan(span, err) }()
	b, err := s.js.ObjectStore(ctx, bucket)
	if err != nil {
		return Artifact{}, fmt.Errorf("put %s/%s: %w", bucket, name, err)
	}
	sum := sha256.New()
	count := &byteCounter{}
	// The object store makes a chunk of each read, however short.
	src := bufio.NewReaderSize(io.TeeReader(r, io.MultiWriter(sum, count)), chunkSize)
	_, err = b.Put(ctx, jetstream.ObjectMeta{
		Name: name,
		Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkSize},
	}, fullReader{src})
	if err != nil {
		return Artifact{}, fmt.Errorf("put %s/%s: %w", bucket, name, err)
	}
	s.countBytes(bucket, true, count.n)
	return Artifact{Bucket: bucket, Name: name, Size: count.n, SHA256: hexSum(sum)}, nil
}

// Fetch copies an object into a nameless local file and returns it, at its
// beginning, only after its size and SHA-256 were found to be those of a. The
// caller closes it. Errors: ErrGone, ErrAltered, or that of the transfer.
func (s *Store) Fetch(ctx context.Context, a Artifact) (_ *os.File, err error) {
	ctx, span := StartSpan(ctx, "fetch "+a.Bucket)
	defer func() { EndSpan(span, err) }()
	// Without a deadline the client gives up after five seconds in all.
	ctx, cancel := context.WithTimeout(ctx, transferTime+time.Duration(a.Size/slowest)*time.Second)
	defer cancel()
	obj, err := s.openRetrying(ctx, a)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, fmt.Errorf("fetch %s/%s: %w", a.Bucket, a.Name, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %s/%s: %w", a.Bucket, a.Name, err)
	}
	defer func() { _ = obj.Close() }() // a reader: nothing is lost with its close
	f, err := s.OpenSpool()
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), obj)
	s.countBytes(a.Bucket, false, n)
	switch {
	case errors.Is(err, jetstream.ErrDigestMismatch):
		err = ErrAltered
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

type byteCounter struct{ n int64 }

func (c *byteCounter) Write(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

type fullReader struct{ r io.Reader }

func (f fullReader) Read(p []byte) (int, error) {
	n, err := io.ReadFull(f.r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
