package rows

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"os"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// errIndex means that a file is no index, or a damaged one.
var errIndex = errors.New("not an index of rows")

const (
	// maxDirectory and maxBlock are the most bytes that a directory and a part of a
	// block may have.
	maxDirectory = 256 << 20
	maxBlock     = 256 << 20
)

// decoder unpacks all frames of this process.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxBlock))
})

// Index lists the rows of a job. It is safe for concurrent use.
type Index struct {
	file *os.File
	size int64
	dir  directory
}

// open reads the directory of an index. The index takes the file over, unless there is
// an error.
func open(file *os.File) (*Index, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x := &Index{file: file, size: info.Size()}
	end := make([]byte, trailer)
	if x.size < int64(trailer) {
		return nil, errIndex
	}
	if _, err := file.ReadAt(end, x.size-int64(trailer)); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	n := binary.LittleEndian.Uint64(end)
	if string(end[8:]) != mark || n > maxDirectory || int64(n) > x.size-int64(trailer) {
		return nil, errIndex
	}
	text, err := x.unpack(x.size-int64(trailer)-int64(n), int(n), nil)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &x.dir); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return x, nil
}

// unpack returns what a frame of the file holds, in the room of to.
func (x *Index) unpack(at int64, n int, to []byte) ([]byte, error) {
	if n < 0 || n > maxBlock {
		return nil, errIndex
	}
	packed := make([]byte, n)
	if _, err := x.file.ReadAt(packed, at); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	zr, err := decoder()
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	text, err := zr.DecodeAll(packed, to[:0])
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	return text, nil
}

// Total is how many rows the job has.
func (x *Index) Total() int { return x.dir.Total }

// Counts are how many of them have a status, by its name. A row may have several.
func (x *Index) Counts() map[string]int { return x.dir.Counts }

// Rows yields the rows that pass a filter and whose number is larger than after, in
// their order. An error is the last thing yielded.
func (x *Index) Rows(ctx context.Context, f Filter, after int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		wanted, ok := f.in(x.dir.Codes)
		if !ok {
			return // no row has such a code
		}
		first, _ := slices.BinarySearchFunc(x.dir.Blocks, after, func(b block, n int) int { return b.Last - n })
		r := blockReader{index: x}
		before := 0
		if first > 0 {
			before = x.dir.Blocks[first-1].Last
		}
		for i := range x.dir.Blocks[first:] {
			b := &x.dir.Blocks[first+i]
			err := ctx.Err()
			if err == nil && b.Last > after && wanted.mayBeIn(b) {
				var more bool
				more, err = r.read(b, before, after, wanted, yield)
				if err == nil && !more {
					return
				}
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			before = b.Last
		}
	}
}

// blockReader reads blocks one after the other in the same room.
type blockReader struct {
	index      *Index
	keys, rest []byte
	codes      []int
}

// read yields the rows of a block that are wanted. More is false when nobody wants any
// more of them.
func (r *blockReader) read(b *block, before, after int, wanted condition, yield func(Row, error) bool,
) (more bool, err error) {
	if r.keys, err = r.index.unpack(b.At, b.Keys, r.keys); err != nil {
		return false, err
	}
	keys := fields{text: r.keys}
	var rest fields
	isRead, behind := false, 0 // how many rows rest stands behind
	n := before
	for range b.Rows {
		n += int(keys.number())
		has := set(keys.number())
		r.codes = r.codes[:0]
		for range min(keys.number(), uint64(len(r.index.dir.Codes))) {
			r.codes = append(r.codes, int(keys.number()))
		}
		search, end := keys.bytes(), keys.bytes()
		if keys.broken {
			return false, errIndex
		}
		if n <= after || !wanted.holds(has, r.codes, search, end) {
			behind++
			continue
		}
		if !isRead {
			if r.rest, err = r.index.unpack(b.At+int64(b.Keys), b.Rest, r.rest); err != nil {
				return false, err
			}
			rest, isRead = fields{text: r.rest}, true
		}
		for ; behind > 0; behind-- {
			rest.bytes()
			rest.bytes()
			rest.bytes()
		}
		row, ok := r.row(n, has, &rest)
		if !ok {
			return false, errIndex
		}
		if !yield(row, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (r *blockReader) row(n int, has set, rest *fields) (row Row, ok bool) {
	row = Row{N: n, Status: has.last(), Statuses: has.names(), Codes: make([]string, len(r.codes)),
		ID: string(rest.bytes()), Name: string(rest.bytes()), Reason: string(rest.bytes()), Outcome: noOutcome}
	for i, code := range r.codes {
		if code >= len(r.index.dir.Codes) {
			return row, false
		}
		row.Codes[i] = r.index.dir.Codes[code]
	}
	if done := has & outcomes; done != 0 && has&valid != 0 {
		row.Outcome = statuses[bits.Len32(uint32(done))-1]
	}
	return row, !rest.broken
}

var valid = setOf(Valid)

// close removes the file.
func (x *Index) close() error { return x.file.Close() }

// fields reads numbers and texts one after the other.
type fields struct {
	text   []byte
	broken bool
}

func (f *fields) number() uint64 {
	n, size := binary.Uvarint(f.text)
	if size <= 0 {
		f.broken, f.text = true, nil
		return 0
	}
	f.text = f.text[size:]
	return n
}

func (f *fields) bytes() []byte {
	n := f.number()
	if n > uint64(len(f.text)) {
		f.broken, f.text = true, nil
		return nil
	}
	text := f.text[:n]
	f.text = f.text[n:]
	return text
}
