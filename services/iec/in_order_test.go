package iec

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

func yieldNumbers(n int) func(func(int, error) bool) {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// everyNth makes each n-th number ready.
func everyNth(n int) func(int) (int, bool) {
	return func(i int) (int, bool) { return i, i%n == n-1 }
}

func TestProcessInOrderEmitsInOrderWithBoundedConcurrency(t *testing.T) {
	var now, most atomic.Int32
	next := 0
	err := processInOrder(t.Context(), 7, yieldNumbers(500), everyNth(3), func(_ context.Context, i int) (int, error) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(rand.N(time.Millisecond))
		now.Add(-1)
		if i%3 == 2 {
			t.Errorf("work on %d, which is ready", i)
		}
		return i, nil
	}, func(i int) error {
		if i != next {
			t.Fatalf("%d after %d", i, next-1)
		}
		next++
		return nil
	})
	if err != nil || next != 500 || most.Load() > 7 {
		t.Fatalf("%d emitted, %d at once, %v", next, most.Load(), err)
	}
}

func TestProcessInOrderEndsWithTheFirstErrorAndWaits(t *testing.T) {
	bad := errors.New("bad")
	for name, work := range map[string]func(int) error{
		"error": func(i int) error {
			if i == 50 {
				return bad
			}
			return nil
		},
		"panic": func(i int) error {
			if i == 50 {
				panic("parser")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var begun, ended atomic.Int32
			err := processInOrder(t.Context(), 5, yieldNumbers(1000), everyNth(1001),
				func(_ context.Context, i int) (int, error) {
					begun.Add(1)
					defer ended.Add(1)
					return i, work(i)
				}, func(int) error { return nil })
			if err == nil || (name == "error" && !errors.Is(err, bad)) {
				t.Fatalf("err = %v", err)
			}
			if begun.Load() != ended.Load() || begun.Load() > 300 {
				t.Fatalf("%d begun, %d ended", begun.Load(), ended.Load())
			}
		})
	}
}

func TestProcessInOrderReturnsErrorsOfItemsAndOfEmit(t *testing.T) {
	bad := errors.New("bad")
	work := func(_ context.Context, i int) (int, error) { return i, nil }
	err := processInOrder(t.Context(), 3, func(yield func(int, error) bool) {
		_ = yield(1, nil) &&
			yield(0, bad)
	}, everyNth(2), work, func(int) error {
		return nil
	})
	if !errors.Is(err, bad) {
		t.Errorf("item: %v", err)
	}
	emitted := 0
	if err := processInOrder(t.Context(), 3, yieldNumbers(100), everyNth(2), work,
		func(int) error { emitted++; return bad }); !errors.Is(err, bad) || emitted != 1 {
		t.Errorf("emit: %v after %d", err, emitted)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := processInOrder(ctx, 3, yieldNumbers(100), everyNth(2), work,
		func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
