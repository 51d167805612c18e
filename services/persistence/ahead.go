package persistence

import (
	"fmt"
	"iter"
	"sync"
)

const (
	batchSize = 128
	mostAhead = 4 // batches
)

// ahead yields what seq yields, which it runs in front, on another processor:
// people are read while those before them are sent to the database. At most
// mostAhead batches wait. A panic of seq becomes an error, for the runner's own
// recover does not reach other goroutines than the handler's.
func ahead[T any](seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	type item struct {
		value T
		err   error
	}
	return func(yield func(T, error) bool) {
		batches := make(chan []item, mostAhead)
		enough := make(chan struct{})
		var running sync.WaitGroup
		defer running.Wait()
		defer close(enough)
		running.Go(func() {
			defer close(batches)
			var batch []item
			send := func() bool {
				select {
				case batches <- batch:
					batch = nil
					return true
				case <-enough:
					return false
				}
			}
			defer func() {
				if v := recover(); v != nil {
					batch = append(batch, item{err: fmt.Errorf("panic of type %T", v)})
				}
				if len(batch) > 0 {
					send()
				}
			}()
			for value, err := range seq {
				if batch == nil {
					batch = make([]item, 0, batchSize)
				}
				if batch = append(batch, item{value, err}); len(batch) == batchSize && !send() {
					batch = nil
					return
				}
			}
		})
		for batch := range batches {
			for _, i := range batch {
				if !yield(i.value, i.err) {
					return
				}
			}
		}
	}
}
