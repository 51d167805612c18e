package stage_test

import (
	"errors"
	"iter"
	"testing"

	"rollcall.example/events/stage"
)

var errUnreadable = errors.New("cannot be read")

// numbersAnd yields 0 to n-1 and then what end yields.
func numbersAnd(n int, end func(yield func(int, error) bool)) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		end(yield)
	}
}

func TestReadAheadYieldsAllValuesThenTheError(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(yield func(int, error) bool)
		want string
	}{
		"ends":  {func(func(int, error) bool) {}, ""},
		"fails": {func(yield func(int, error) bool) { yield(0, errUnreadable) }, errUnreadable.Error()},
	} {
		for _, n := range []int{0, 1, 3, 100} {
			got, last := 0, ""
			for v, err := range stage.ReadAhead(3, numbersAnd(n, c.end)) {
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

func TestReadAheadPassesAPanicOn(t *testing.T) {
	defer func() {
		if v := recover(); v != "bug" {
			t.Errorf("recovered %v", v)
		}
	}()
	for range stage.ReadAhead(3, numbersAnd(10, func(func(int, error) bool) { panic("bug") })) {
	}
	t.Error("no panic")
}

func TestReadAheadStopsWithItsLoop(t *testing.T) {
	produced, ended := 0, false
	for range stage.ReadAhead(3, func(yield func(int, error) bool) {
		defer func() { ended = true }()
		for yield(produced, nil) {
			produced++
		}
	}) {
		break
	}
	if !ended || produced > 3+1 {
		t.Errorf("ended %v after %d values", ended, produced)
	}
}
