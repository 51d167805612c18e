package report

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"rollcall.example/events/records"
)

func yieldEntries[T any](make func(int) T, n []int) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for _, n := range n {
			record := make(n)
			if n < 0 {
				yield(nil, errBroken)
				return
			}
			if !yield(&record, nil) {
				return
			}
		}
	}
}

var errBroken = errors.New("broken")

func TestMerge(t *testing.T) {
	tests := []struct {
		name                              string
		rows, rejects, verdicts, outcomes []int
		want                              []int // negative: rejected
		err                               error
	}{
		{name: "nothing"},
		{name: "in turns", rows: []int{2, 5, 6}, rejects: []int{3, 4, 7}, verdicts: []int{2, 5, 6},
			outcomes: []int{2, 5, 6},
			want:     []int{2, -3, -4, 5, 6, -7}},
		{name: "rows only", rows: []int{9}, verdicts: []int{9}, outcomes: []int{9}, want: []int{9}},
		{name: "rejects only", rejects: []int{1, 3}, want: []int{-1, -3}},
		{name: "a verdict is missing", rows: []int{2, 3}, verdicts: []int{2}, outcomes: []int{2, 3}, want: []int{2},
			err: errMismatch},
		{name: "an outcome is missing", rows: []int{2, 3}, verdicts: []int{2, 3}, outcomes: []int{2}, want: []int{2},
			err: errMismatch},
		{name: "a verdict too many", rows: []int{2}, verdicts: []int{2, 3}, outcomes: []int{2}, want: []int{2},
			err: errMismatch},
		{name: "an outcome of another row", rows: []int{2}, verdicts: []int{2}, outcomes: []int{3}, err: errMismatch},
		{name: "rows out of order", rows: []int{3, 2}, verdicts: []int{3, 2}, outcomes: []int{3, 2}, want: []int{3},
			err: errMismatch},
		{name: "kept and rejected", rows: []int{2}, rejects: []int{2}, verdicts: []int{2}, outcomes: []int{2},
			want: []int{-2}, err: errMismatch},
		{name: "unreadable", rows: []int{2, -1}, verdicts: []int{2}, outcomes: []int{2}, err: errBroken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []int
			var err error
			for e, e2 := range mergeEntries(
				yieldEntries(func(n int) records.Row { return records.Row{N: n} }, tt.rows),
				yieldEntries(func(n int) records.RejectedRow { return records.RejectedRow{N: n} }, tt.rejects),
				yieldEntries(func(n int) records.Verdict { return records.Verdict{N: n} }, tt.verdicts),
				yieldEntries(func(n int) records.Outcome { return records.Outcome{N: n} }, tt.outcomes)) {
				if err = e2; err != nil {
					continue
				}
				if e.reject != nil {
					got = append(got, -e.n)
				} else {
					got = append(got, e.n)
				}
			}
			if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestMergeCanStopEarly(t *testing.T) {
	n := []int{1, 2, 3}
	for e, err := range mergeEntries(
		yieldEntries(func(n int) records.Row { return records.Row{N: n} }, n),
		yieldEntries(func(n int) records.RejectedRow { return records.RejectedRow{N: n} }, nil),
		yieldEntries(func(n int) records.Verdict { return records.Verdict{N: n} }, n),
		yieldEntries(func(n int) records.Outcome { return records.Outcome{N: n} }, n)) {
		if err != nil || e.n != 1 {
			t.Fatal(fmt.Sprint(e, err))
		}
		break // goleak finds what is still running
	}
}
