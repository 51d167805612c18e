package iec

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// inOrder runs work on each item, at most n at once, and hands the results to
// emit in the items' order. Memory is bounded: at most 16n items are begun and
// not yet emitted. The first error, in time, ends it; work that has begun then
// is waited for, and what follows without a gap is emitted.
func inOrder[T, R any](ctx context.Context, n int, items iter.Seq2[T, error], work func(context.Context, T) (R, error), emit func(R) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	type future chan R
	queue := make(chan future, 16*n)
	tokens := make(chan struct{}, n)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(queue)
		defer recovered(stop)
		for item, err := range items {
			if err != nil {
				stop(err)
				return
			}
			f := make(future, 1)
			select {
			case <-ctx.Done():
				return
			case queue <- f:
			}
			select {
			case <-ctx.Done():
				return
			case tokens <- struct{}{}:
			}
			wg.Go(func() {
				defer func() { <-tokens }()
				defer recovered(stop)
				r, err := work(ctx, item)
				if err != nil {
					stop(err)
					return
				}
				f <- r
			})
		}
	})
	for f := range queue {
		select {
		case <-ctx.Done():
		case r := <-f:
			if err := emit(r); err != nil {
				stop(err)
			}
			continue
		}
		wg.Wait()
		for ok := true; ok; f, ok = <-queue {
			select {
			case r := <-f:
				if emit(r) != nil {
					return context.Cause(ctx)
				}
				continue
			default:
			}
			break
		}
		break
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// recovered turns a panic into an error. The runner's own recover does not
// reach goroutines other than the handler's.
func recovered(stop context.CancelCauseFunc) {
	if v := recover(); v != nil {
		stop(fmt.Errorf("panic of type %T", v))
	}
}
