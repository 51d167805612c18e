package rows

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"rollcall.example/events"
)

// An index is blocks and then a directory. A block is two frames of zstd: what rows are
// searched by, and what else is shown of them. The directory is JSON in a frame of its
// own; its length, 8 bytes, and the mark of the format end the file.

const (
	// mark ends an index. Another format has another one.
	mark = "rows\x00\x00\x001"
	// perBlock is how many rows a block has: a page reads one or two.
	perBlock = 512
	// trailer is the length of the directory and the mark.
	trailer = 8 + len(mark)
	// otherCode is the bit of all codes that have no bit of their own.
	otherCode = 63
)

// directory says where the blocks are and what is in them.
type directory struct {
	JobID  string   `json:"job_id"`
	Total  int      `json:"total"`
	Codes  []string `json:"codes"`
	Blocks []block  `json:"blocks"`
	// Counts are the rows that have a status, by its name.
	Counts map[string]int `json:"counts"`
}

// block is where 512 rows at most lie, and what it is enough to know to leave them out.
type block struct {
	At   int64 `json:"at"`
	Keys int   `json:"keys"` // bytes, and those of the rest
	Rest int   `json:"rest"`
	Last int   `json:"last"` // number of the last row
	Rows int   `json:"rows"`
	// Has and Codes are the statuses and codes that any row of it has.
	Has   set    `json:"has"`
	Codes uint64 `json:"bits"`
}

// Writer makes an index from the entries of a job, in their order. Always close it.
type Writer struct {
	job  *events.Job
	file *os.File
	zw   *zstd.Encoder
	dir  directory
	code map[string]int
	line line

	keys, rest, packed []byte
	block              block
	counts             [32]int
	at                 int64
	last               int
}

// NewWriter returns a writer of the index of a job, with its file in store.SpoolDir.
func NewWriter(store *events.Store, job *events.Job) (*Writer, error) {
	file, err := store.OpenSpool()
	if err != nil {
		return nil, err
	}
	zw, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write index: %w", err), file.Close())
	}
	return &Writer{job: job, file: file, zw: zw, code: map[string]int{},
		dir: directory{JobID: job.ID, Codes: []string{}, Blocks: []block{}, Counts: map[string]int{}}}, nil
}

// Add adds the next entry. It keeps nothing of it.
func (w *Writer) Add(e Entry) error {
	if e.N <= w.last {
		return fmt.Errorf("write index: row %d follows row %d", e.N, w.last)
	}
	l := &w.line
	l.describe(w.job, e)
	w.keys = binary.AppendUvarint(w.keys, uint64(e.N-w.last))
	w.keys = binary.AppendUvarint(w.keys, uint64(l.has))
	w.keys = binary.AppendUvarint(w.keys, uint64(len(l.codes)))
	for _, code := range l.codes {
		i, ok := w.code[code]
		if !ok {
			i = len(w.dir.Codes)
			w.code[code] = i
			w.dir.Codes = append(w.dir.Codes, code)
		}
		w.keys = binary.AppendUvarint(w.keys, uint64(i))
		w.block.Codes |= 1 << min(i, otherCode)
	}
	w.keys = appendText(appendText(w.keys, l.search), l.end)
	w.rest = appendText(appendText(appendText(w.rest, l.id), l.name), l.reason)
	w.last, w.block.Last = e.N, e.N
	w.block.Has |= l.has
	w.block.Rows++
	w.dir.Total++
	for i := range statuses {
		if l.has&(1<<i) != 0 {
			w.counts[i]++
		}
	}
	if w.block.Rows < perBlock {
		return nil
	}
	return w.flush()
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// flush writes the block that was begun.
func (w *Writer) flush() error {
	if w.block.Rows == 0 {
		return nil
	}
	w.packed = w.zw.EncodeAll(w.keys, w.packed[:0])
	w.block.At, w.block.Keys = w.at, len(w.packed)
	w.packed = w.zw.EncodeAll(w.rest, w.packed)
	w.block.Rest = len(w.packed) - w.block.Keys
	if _, err := w.file.Write(w.packed); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	w.at += int64(len(w.packed))
	w.dir.Blocks = append(w.dir.Blocks, w.block)
	w.block, w.keys, w.rest = block{}, w.keys[:0], w.rest[:0]
	return nil
}

// Finish ends the index and returns its file, at the beginning. The file is closed with
// the writer.
func (w *Writer) Finish() (*os.File, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	for i, name := range statuses {
		if w.counts[i] > 0 {
			w.dir.Counts[name] = w.counts[i]
		}
	}
	text, err := json.Marshal(w.dir)
	if err != nil {
		return nil, fmt.Errorf("write index: %w", err)
	}
	end := w.zw.EncodeAll(text, nil)
	end = binary.LittleEndian.AppendUint64(end, uint64(len(end)))
	if _, err := w.file.Write(append(end, mark...)); err != nil {
		return nil, fmt.Errorf("write index: %w", err)
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("write index: %w", err)
	}
	return w.file, nil
}

// Close removes the file.
func (w *Writer) Close() error { return errors.Join(w.zw.Close(), w.file.Close()) }
