package records

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/klauspost/compress/zstd"

	"rollcall.example/events"
)

// Header is the first line of an artifact of records.
type Header struct {
	// Artifact is rows, rejects, verdicts or outcomes.
	Artifact string `json:"artifact"`
	JobID    string `json:"job_id"`
	// Columns are the headers of the uploaded sheet, in its order. The cells of
	// rows and rejects belong to them. Other artifacts have none.
	Columns []string `json:"columns,omitempty"`
	// Fields maps a canonical field name to its index in Columns.
	Fields map[string]int `json:"fields,omitempty"`
	// Salt is mixed into the digest of a proposal, or into those of the outcomes of
	// a dry run, so that nobody can guess what a digest was made of. Outcomes of
	// both have it; "" for all others.
	Salt string `json:"salt,omitempty"`
	// Records counts the lines that follow. Writer.Store fills it in.
	Records int `json:"records"`
}

// maxLine is the most bytes that a line may have. A row with 16,384 columns of
// 32,767 characters, the limits of Excel, would be longer; a real row never is.
const maxLine = 64 << 20

// Record is the type of the lines of an artifact.
type Record interface {
	Row | RejectedRow | Verdict | Outcome
}

// window is the size of the zstd window in bytes. Lines repeat much, so a small
// window costs little and saves megabytes in each writer and reader. A stage
// has several of them at once.
const window = 256 << 10

// bufferSize is how many bytes are compressed at once.
const bufferSize = 64 << 10

func newCompressor(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w,
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window))
}

// Writer writes an artifact of records. It first writes the lines to a local
// file without a name, because the header comes first and holds their count.
// Only Store makes an object. Always close it.
type Writer[T Record] struct {
	file  *os.File
	zw    *zstd.Encoder
	lines []byte
	count int
}

// NewWriter opens a writer with its local file in s.SpoolDir.
func NewWriter[T Record](s *events.Store) (*Writer[T], error) {
	f, err := s.OpenSpool()
	if err != nil {
		return nil, err
	}
	zw, err := newCompressor(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open zstd: %w", err), f.Close())
	}
	return &Writer[T]{file: f, zw: zw}, nil
}

// Write appends a record. It keeps no reference to r.
func (w *Writer[T]) Write(r *T) error {
	lines, err := any(r).(record).append(w.lines)
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	w.lines = append(lines, '\n')
	w.count++
	if len(w.lines) < bufferSize {
		return nil
	}
	return w.flush()
}

func (w *Writer[T]) flush() error {
	if _, err := w.zw.Write(w.lines); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	w.lines = w.lines[:0]
	return nil
}

// Store finishes the artifact and stores it as an object. It fills in the count
// of the header.
func (w *Writer[T]) Store(ctx context.Context, s *events.Store, bucket, name string, h Header) (
	events.Artifact, error,
) {
	whole, err := w.finish(h)
	if err != nil {
		return events.Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	a, err := s.Put(ctx, bucket, name, whole)
	a.Records = w.count
	return a, err
}

// Replay yields the written records again, in one record that each step
// overwrites. No Write may follow. It serves a caller that has to see the last
// record before it can complete the first. An error is the last thing yielded.
func (w *Writer[T]) Replay() iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		r, err := w.spooled()
		if err != nil {
			yield(nil, fmt.Errorf("replay records: %w", err))
			return
		}
		defer r.zr.Close()
		r.AllReusing()(yield)
	}
}

func (w *Writer[T]) spooled() (*Reader[T], error) {
	if err := errors.Join(w.flush(), w.zw.Close()); err != nil {
		return nil, err
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r, err := newLines[T](w.file)
	if err != nil {
		return nil, err
	}
	r.Header = Header{Artifact: "spool", Records: w.count}
	return r, nil
}

// finish returns the whole artifact. Header and records are two zstd frames,
// which decoders read as one stream.
func (w *Writer[T]) finish(h Header) (io.Reader, error) {
	if err := errors.Join(w.flush(), w.zw.Close()); err != nil {
		return nil, err
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	h.Records = w.count
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	var head bytes.Buffer
	w.zw.Reset(&head)
	if _, err := w.zw.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	if err := w.zw.Close(); err != nil {
		return nil, err
	}
	return io.MultiReader(&head, w.file), nil
}

// Close removes the local file.
func (w *Writer[T]) Close() error {
	return errors.Join(w.zw.Close(), w.file.Close())
}

// Reader reads an artifact of records.
type Reader[T Record] struct {
	Header  Header
	file    *os.File
	zr      *zstd.Decoder
	lines   *bufio.Scanner
	scanner scanner
}

// Open fetches an artifact, checks its size and digest, and reads its header.
// The caller closes the reader. The error is events.ErrMissing,
// events.ErrAltered, or that of the transfer.
func Open[T Record](ctx context.Context, s *events.Store, a events.Artifact) (*Reader[T], error) {
	f, err := s.Fetch(ctx, a)
	if err != nil {
		return nil, err
	}
	r, err := newReader[T](f)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", a.Name, err)
	}
	return r, nil
}

// newReader reads the header of f. After an error it closes f.
func newReader[T Record](f *os.File) (*Reader[T], error) {
	r, err := newLines[T](f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	line, err := r.next()
	if err == nil {
		err = json.Unmarshal(line, &r.Header)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("header: %w", err), r.Close())
	}
	return r, nil
}

// newLines returns a reader of the lines of f from its present offset.
func newLines[T Record](f *os.File) (*Reader[T], error) {
	zr, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	r := &Reader[T]{file: f, zr: zr, lines: bufio.NewScanner(zr)}
	r.lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	return r, nil
}

// next returns the next line. It is valid until the next call.
func (r *Reader[T]) next() ([]byte, error) {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	return r.lines.Bytes(), nil
}

// All yields the records in order. Each one is new, and the caller may keep it.
// Its texts share the memory of one line: clone a text to keep it without the
// rest of the line. An error is the last thing yielded; fewer records than the
// header says are an error too.
func (r *Reader[T]) All() iter.Seq2[*T, error] {
	return r.each(func() *T { return new(T) })
}

// AllReusing is All with one record that each step overwrites. The caller may
// keep its texts, but not its maps and lists. A missing map or list may be
// empty instead of nil.
func (r *Reader[T]) AllReusing() iter.Seq2[*T, error] {
	one := new(T)
	return r.AllInto(func() *T { return one })
}

// AllInto is AllReusing with the records that next returns, each as long as the caller of
// next needs it.
func (r *Reader[T]) AllInto(next func() *T) iter.Seq2[*T, error] {
	return r.each(func() *T {
		one := next()
		any(one).(record).reset()
		return one
	})
}

func (r *Reader[T]) each(empty func() *T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for n := 0; ; n++ {
			line, err := r.next()
			if errors.Is(err, io.EOF) {
				if n != r.Header.Records {
					yield(nil, fmt.Errorf("read %s: %d of %d records: %w",
						r.Header.Artifact, n, r.Header.Records, events.ErrAltered))
				}
				return
			}
			to := empty()
			if err == nil {
				err = r.scanner.record(string(line), any(to).(record))
			}
			if err != nil {
				yield(nil, fmt.Errorf("read %s: record %d: %w", r.Header.Artifact, n+1, err))
				return
			}
			if !yield(to, nil) {
				return
			}
		}
	}
}

// Parse reads one record from a line that a Writer or encoding/json wrote. The
// result is that of encoding/json. R must be empty.
func Parse[T Record](line []byte, r *T) error {
	var s scanner
	if err := s.record(string(line), any(r).(record)); err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	return nil
}

// Close removes the local copy.
func (r *Reader[T]) Close() error {
	r.zr.Close()
	return r.file.Close()
}
