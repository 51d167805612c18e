package events

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
)

// Header is the first line of an artifact of records.
type Header struct {
	// Artifact is rows, rejects, verdicts or outcomes.
	Artifact string `json:"artifact"`
	JobID    string `json:"job_id"`
	// Columns are the headers of the uploaded sheet, in its order: what
	// the cells of rows and rejects belong to. Other artifacts have none.
	Columns []string `json:"columns,omitempty"`
	// Fields maps a canonical field name to its index in Columns.
	Fields map[string]int `json:"fields,omitempty"`
	// Records counts the lines that follow. RecordWriter fills it in.
	Records int `json:"records"`
}

// maxLine bounds a line of an artifact: a row of Excel's 16,384 columns with
// 32,767 characters each would be longer, an honest one never is.
const maxLine = 64 << 20

// RecordWriter writes an artifact of records: zstd-compressed lines of JSON.
// The lines are spooled to a nameless file, for the header comes first and
// holds their count. Close it in any case; only Store makes an object.
type RecordWriter[T any] struct {
	file  *os.File
	zw    *zstd.Encoder
	buf   *bufio.Writer
	enc   *json.Encoder
	count int
}

// NewRecordWriter opens a writer that spools in s.SpoolDir.
func NewRecordWriter[T any](s *Store) (*RecordWriter[T], error) {
	f, err := spoolFile(s.SpoolDir)
	if err != nil {
		return nil, err
	}
	zw, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open zstd: %w", err), f.Close())
	}
	buf := bufio.NewWriterSize(zw, 64<<10)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	return &RecordWriter[T]{file: f, zw: zw, buf: buf, enc: enc}, nil
}

// Write appends a record.
func (w *RecordWriter[T]) Write(record *T) error {
	if err := w.enc.Encode(record); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	w.count++
	return nil
}

// Count is how many records were written.
func (w *RecordWriter[T]) Count() int { return w.count }

// Store finishes the artifact and puts it, header first. The header and the
// records are two zstd frames; decoders read them as one stream.
func (w *RecordWriter[T]) Store(ctx context.Context, s *Store, bucket, name string, h Header) (Artifact, error) {
	if err := errors.Join(w.buf.Flush(), w.zw.Close()); err != nil {
		return Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	h.Records = w.count
	line, err := json.Marshal(h)
	if err != nil {
		return Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	var head bytes.Buffer
	zw, err := zstd.NewWriter(&head, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	if _, err := zw.Write(append(line, '\n')); err != nil {
		return Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	if err := zw.Close(); err != nil {
		return Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	a, err := s.Put(ctx, bucket, name, io.MultiReader(&head, w.file))
	a.Records = w.count
	return a, err
}

// Close gives the spool back.
func (w *RecordWriter[T]) Close() error {
	return errors.Join(w.zw.Close(), w.file.Close())
}

// RecordReader reads an artifact of records that Fetch has verified.
type RecordReader[T any] struct {
	Header Header
	file   *os.File
	zr     *zstd.Decoder
	lines  *bufio.Scanner
}

// OpenRecords fetches and verifies an artifact and reads its header. The
// caller closes the reader. Errors: ErrGone, ErrAltered, or that of the transfer.
func OpenRecords[T any](ctx context.Context, s *Store, a Artifact) (*RecordReader[T], error) {
	f, err := s.Fetch(ctx, a)
	if err != nil {
		return nil, err
	}
	zr, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", a.Name, err), f.Close())
	}
	r := &RecordReader[T]{file: f, zr: zr, lines: bufio.NewScanner(zr)}
	r.lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	if err := r.next(&r.Header); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: header: %w", a.Name, err), r.Close())
	}
	return r, nil
}

func (r *RecordReader[T]) next(v any) error {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	return json.Unmarshal(r.lines.Bytes(), v)
}

// All yields the records in order. An error is the last thing yielded; fewer
// records than the header says are an error too.
func (r *RecordReader[T]) All() iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for n := 0; ; n++ {
			record := new(T)
			err := r.next(record)
			if errors.Is(err, io.EOF) {
				if n != r.Header.Records {
					yield(nil, fmt.Errorf("read %s: %d of %d records: %w", r.Header.Artifact, n, r.Header.Records, ErrAltered))
				}
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("read %s: record %d: %w", r.Header.Artifact, n+1, err))
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// Close gives the local copy back.
func (r *RecordReader[T]) Close() error {
	r.zr.Close()
	return r.file.Close()
}
