package iec

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// processInOrder calls work on each item that is not ready, at most n at once, and
// passes the results to emit in the items' order. At most 16n items are started and
// not yet emitted, which bounds memory. The first error ends it; then it waits for
// work in progress and emits what follows without a gap, unless emit itself failed.
func processInOrder[T, R any](
	ctx context.Context, n int, items iter.Seq2[T, error], ready func(T) (R, bool),
	work func(context.Context, T) (R, error), emit func(R) error,
) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	type result struct {
		now   R
		later chan R // nil if the result is in now, else it comes from here
	}
	queue := make(chan result, 16*n)
	tokens := make(chan struct{}, n)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(queue)
		defer stopOnPanic(stop)
		for item, err := range items {
			if err != nil {
				stop(err)
				return
			}
			r, ok := ready(item)
			next := result{now: r}
			if !ok {
				next.later = make(chan R, 1)
			}
			select {
			case <-ctx.Done():
				return
			case queue <- next:
			}
			if ok {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case tokens <- struct{}{}:
			}
			wg.Go(func() {
				defer func() { <-tokens }()
				defer stopOnPanic(stop)
				r, err := work(ctx, item)
				if err != nil {
					stop(err)
					return
				}
				next.later <- r
			})
		}
	})
	for next := range queue {
		r := next.now
		if next.later != nil {
			select {
			case r = <-next.later:
			case <-ctx.Done():
				wg.Wait()
				select {
				case r = <-next.later:
				default:
					return context.Cause(ctx)
				}
			}
		}
		if err := emit(r); err != nil {
			stop(err)
			break
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// stopOnPanic turns a panic into an error. The runner recovers only from panics in
// the handler's own goroutine.
func stopOnPanic(stop context.CancelCauseFunc) {
	if v := recover(); v != nil {
		stop(fmt.Errorf("panic of type %T", v))
	}
}
