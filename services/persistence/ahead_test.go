package persistence

import (
	"errors"
	"iter"
	"testing"
)

func numbers(n int, end func(yield func(int, error) bool)) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		end(yield)
	}
}

func TestAhead(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(yield func(int, error) bool)
		want string
	}{
		"ends":   {func(func(int, error) bool) {}, ""},
		"fails":  {func(yield func(int, error) bool) { yield(0, errRead) }, errRead.Error()},
		"panics": {func(func(int, error) bool) { panic(errors.New("a text with a name in it")) }, "panic of type *errors.errorString"},
	} {
		for _, n := range []int{0, 1, batchSize - 1, batchSize, batchSize + 1, 20 * batchSize} {
			got, last := 0, ""
			for v, err := range ahead(numbers(n, c.end)) {
				if err != nil {
					last += err.Error()
				} else if v != got {
					t.Fatalf("%s: %d after %d values", name, v, got)
				} else {
					got++
				}
			}
			if got != n || last != c.want {
				t.Errorf("%s: %d of %d values, then %q", name, got, n, last)
			}
		}
	}
}

func TestAheadStopsWithItsReader(t *testing.T) {
	produced, ended := 0, false
	for range ahead(func(yield func(int, error) bool) {
		defer func() { ended = true }()
		for yield(produced, nil) {
			produced++
		}
	}) {
		break
	}
	if !ended || produced > (mostAhead+2)*batchSize {
		t.Errorf("ended %v after %d values", ended, produced)
	}
}
