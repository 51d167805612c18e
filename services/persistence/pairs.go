package persistence

import (
	"errors"
	"fmt"
	"iter"

	"rollcall.example/events/records"
)

// errMismatch says that rows and verdicts do not run in parallel.
var errMismatch = errors.New("rows and verdicts do not match")

// person is a row with its verdict.
type person struct {
	row     *records.Row
	verdict *records.Verdict
}

// pairs joins rows and verdicts, which must have the same row numbers in the
// same order. An error is the last thing yielded.
func pairs(rows iter.Seq2[*records.Row, error], verdicts iter.Seq2[*records.Verdict, error]) iter.Seq2[person, error] {
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
				err = fmt.Errorf("%w: the verdict of row %d stands beside row %d", errMismatch, verdict.N, row.N)
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
			yield(person{}, fmt.Errorf("%w: no row for the verdict of row %d", errMismatch, verdict.N))
		}
	}
}
