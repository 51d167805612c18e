package report

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"rollcall.example/events/records"
)

// errMismatch means that the artifacts of a job do not belong together.
var errMismatch = errors.New("artifacts do not match")

// entry is an uploaded row with everything that became of it: either reject is set,
// or row, verdict and outcome are.
type entry struct {
	n       int
	reject  *records.RejectedRow
	row     *records.Row
	verdict *records.Verdict
	outcome *records.Outcome
	// repeats is a later row with the same ID number; set on the row that was kept.
	repeats *repeat
}

// repeat is a row whose ID number stood above already.
type repeat struct {
	id       string
	firstRow int
	count    int
	rows     string // the numbers of all rows with the ID number
}

func repeatOf(r *records.RejectedRow) *repeat {
	return &repeat{strings.Clone(r.ID), r.FirstRow, r.Count, joinNumbers(r.Rows)}
}

// waits reports whether the row waits for somebody of another area.
func (e *entry) waits() bool { return e.outcome != nil && e.outcome.Result == records.Transfer }

// texts yields the columns and texts of the uploaded cells that are filled.
func (e *entry) texts() iter.Seq2[int, string] {
	if e.row != nil {
		return e.row.Texts()
	}
	return e.reject.Texts()
}

// mergeEntries yields the entries in the order of the uploaded sheet. Rows and
// rejects are each in that order; verdicts and outcomes have a record for each row.
// Where this is not so, the last thing yielded is an error that wraps errMismatch.
func mergeEntries(
	rows iter.Seq2[*records.Row, error], rejects iter.Seq2[*records.RejectedRow, error],
	verdicts iter.Seq2[*records.Verdict, error], outcomes iter.Seq2[*records.Outcome, error],
) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		r, j, v, o := newLookahead(rows), newLookahead(rejects), newLookahead(verdicts), newLookahead(outcomes)
		defer func() { r.stop(); j.stop(); v.stop(); o.stop() }()
		err := errors.Join(r.advance(), j.advance(), v.advance(), o.advance())
		for last := 0; err == nil && (r.head != nil || j.head != nil); {
			var e *entry
			if r.head != nil && (j.head == nil || r.head.N < j.head.N) {
				if v.head == nil || o.head == nil || v.head.N != r.head.N || o.head.N != r.head.N {
					err = fmt.Errorf("row %d: the verdict or the outcome is that of another row: %w", r.head.N,
						errMismatch)
					break
				}
				e = &entry{n: r.head.N, row: r.head, verdict: v.head, outcome: o.head}
				err = errors.Join(r.advance(), v.advance(), o.advance())
			} else {
				e = &entry{n: j.head.N, reject: j.head}
				err = j.advance()
			}
			if e.n <= last {
				err = errors.Join(err, fmt.Errorf("row %d follows row %d: %w", e.n, last, errMismatch))
			}
			last = e.n
			if err == nil && !yield(e, nil) {
				return
			}
		}
		if err == nil && (v.head != nil || o.head != nil) {
			err = fmt.Errorf("there are verdicts or outcomes without rows: %w", errMismatch)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// lookahead reads a sequence one record ahead.
type lookahead[T any] struct {
	// head is the next record; nil at the end.
	head *T
	next func() (*T, error, bool)
	stop func()
}

func newLookahead[T any](seq iter.Seq2[*T, error]) *lookahead[T] {
	next, stop := iter.Pull2(seq)
	return &lookahead[T]{next: next, stop: stop}
}

// advance reads the next record into head.
func (s *lookahead[T]) advance() error {
	record, err, ok := s.next()
	s.head = nil
	if ok && err == nil {
		s.head = record
	}
	return err
}
