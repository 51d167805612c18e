package stage

import (
	"iter"
	"sync"
)

// ReadAhead yields what seq yields, and runs seq in a goroutine of its own, so
// that a stage reads the next values while it works on the present one. At most
// limit values wait. A panic of seq becomes a panic of the loop, where the
// runner's recover catches it. When the loop is over, seq is over too, and
// whatever it uses may be closed.
func ReadAhead[T any](limit int, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	type item struct {
		value    T
		err      error
		panicked any
	}
	return func(yield func(T, error) bool) {
		items := make(chan item, limit)
		stopped := make(chan struct{})
		var running sync.WaitGroup
		defer running.Wait()
		defer close(stopped)
		send := func(i item) bool {
			select {
			case items <- i:
				return true
			case <-stopped:
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
