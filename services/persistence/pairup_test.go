package persistence

import (
	"errors"
	"iter"
	"testing"

	"rollcall.example/events/records"
)

var errRead = errors.New("disk gone")

// yieldAll yields values, and then err if it is not nil.
func yieldAll[T any](values []T, err error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for i := range values {
			if !yield(&values[i], nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestPairUp(t *testing.T) {
	for name, c := range map[string]struct {
		rows, verdicts  []int
		rowErr, verdErr error
		want            int
		err             error
	}{
		"parallel":           {rows: []int{2, 3, 7}, verdicts: []int{2, 3, 7}, want: 3},
		"empty":              {},
		"verdict missing":    {rows: []int{2, 3}, verdicts: []int{2}, want: 1, err: errMismatch},
		"row missing":        {rows: []int{2}, verdicts: []int{2, 3}, want: 1, err: errMismatch},
		"other order":        {rows: []int{2, 3}, verdicts: []int{3, 2}, err: errMismatch},
		"rows unreadable":    {rows: []int{2}, verdicts: []int{2, 3}, rowErr: errRead, want: 1, err: errRead},
		"verdict unreadable": {rows: []int{2, 3}, verdicts: []int{2}, verdErr: errRead, want: 1, err: errRead},
		"error at the end":   {rows: []int{2}, verdicts: []int{2}, verdErr: errRead, want: 1, err: errRead},
	} {
		t.Run(name, func(t *testing.T) {
			var rows []records.Row
			var verdicts []records.Verdict
			for _, n := range c.rows {
				rows = append(rows, records.Row{N: n})
			}
			for _, n := range c.verdicts {
				verdicts = append(verdicts, records.Verdict{N: n})
			}
			got := 0
			var last error
			for p, err := range pairUp(yieldAll(rows, c.rowErr), yieldAll(verdicts, c.verdErr)) {
				if last = err; err != nil {
					continue
				}
				if p.row.N != p.verdict.N {
					t.Errorf("row %d with the verdict of %d", p.row.N, p.verdict.N)
				}
				got++
			}
			if got != c.want || !errors.Is(last, c.err) {
				t.Fatalf("got %d pairs and %v, want %d, %v", got, last, c.want, c.err)
			}
		})
	}
}
