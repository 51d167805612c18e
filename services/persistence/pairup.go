package persistence

import (
	"errors"
	"fmt"
	"iter"

	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// errMismatch says that a row has no verdict, or a verdict no row.
var errMismatch = errors.New("rows and verdicts do not match")

// person is a row with its verdict.
type person struct {
	row     *records.Row
	verdict *records.Verdict
}

// Records are read this many at once, and so many batches ahead.
const (
	batchSize    = 128
	batchesAhead = 2
)

// readAhead reads records in a goroutine of its own, into a few that it uses again: each
// is the caller's for one step.
func readAhead[T records.Record](r *records.Reader[T]) iter.Seq2[*T, error] {
	// One batch is filled and one is used while the others wait.
	var ring [batchesAhead + 2][batchSize]T
	batches := func(yield func([]T, error) bool) {
		at, n := 0, 0
		for _, err := range r.AllInto(func() *T { return &ring[at][n] }) {
			if err != nil {
				if yield(ring[at][:n], nil) {
					yield(nil, err)
				}
				return
			}
			if n++; n < batchSize {
				continue
			}
			if !yield(ring[at][:n], nil) {
				return
			}
			at, n = (at+1)%len(ring), 0
		}
		yield(ring[at][:n], nil)
	}
	return func(yield func(*T, error) bool) {
		for batch, err := range stage.ReadAhead(batchesAhead, batches) {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range batch {
				if !yield(&batch[i], nil) {
					return
				}
			}
		}
	}
}

// pairUp joins rows and verdicts, which must have the same row numbers in the
// same order. After an error it yields nothing more.
func pairUp(rows iter.Seq2[*records.Row, error], verdicts iter.Seq2[*records.Verdict, error]) iter.Seq2[person, error] {
	return func(yield func(person, error) bool) {
		next, stop := iter.Pull2(verdicts)
		defer stop()
		for row, err := range rows {
			if err != nil {
				yield(person{}, err)
				return
			}
			verdict, err, ok := next()
			switch {
			case !ok:
				err = fmt.Errorf("%w: no verdict for row %d", errMismatch, row.N)
			case err == nil && verdict.N != row.N:
				err = fmt.Errorf("%w: found the verdict of row %d at row %d", errMismatch, verdict.N, row.N)
			}
			if err != nil {
				yield(person{}, err)
				return
			}
			if !yield(person{row: row, verdict: verdict}, nil) {
				return
			}
		}
		switch verdict, err, ok := next(); {
		case !ok:
		case err != nil:
			yield(person{}, err)
		default:
			yield(person{}, fmt.Errorf("%w: no row %d for its verdict", errMismatch, verdict.N))
		}
	}
}
