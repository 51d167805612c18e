package stage

import (
	"iter"
	"sync"
)

// Ahead yields what seq yields, which it runs in front, on another processor: a
// stage reads what comes next while it works on what came. At most that many
// values wait. A panic of seq is the reader's: the runner's recover does not
// reach other goroutines than the handler's. Whatever seq uses may be closed once
// the loop over Ahead is over.
func ReadAhead[T any](most int, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	type item struct {
		value    T
		err      error
		panicked any
	}
	return func(yield func(T, error) bool) {
		items := make(chan item, most)
		enough := make(chan struct{})
		var running sync.WaitGroup
		defer running.Wait()
		defer close(enough)
		send := func(i item) bool {
			select {
			case items <- i:
				return true
			case <-enough:
				return false
			}
		}
		running.Go(func() {
			defer close(items)
			defer func() {
				if v := recover(); v != nil {
					send(item{panicked: v})
				}
			}()
			for value, err := range seq {
				if !send(item{value: value, err: err}) {
					return
				}
			}
		})
		for i := range items {
			if i.panicked != nil {
				panic(i.panicked)
			}
			if !yield(i.value, i.err) {
				return
			}
		}
	}
}
