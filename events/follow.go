package events

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
)

const followEvery = time.Second

// Follow yields the facts of a job after the given sequence, first those in the
// log and then each as it is appended, until ctx ends. What is yielded is
// always read from the log; the live word of a fact, which may be lost, only
// says when to look, and a look each second makes up for it. So it needs no
// consumer, only the right to read BULK and to hear live.bulk.>.
func (l *Log) Follow(ctx context.Context, jobID string, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if !ValidJobID(jobID) {
			yield(Event{}, ErrNotFound)
			return
		}
		wake := make(chan struct{}, 1)
		sub, err := l.js.Conn().Subscribe(LivePrefix+JobFilter(jobID), func(*nats.Msg) {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
		if err != nil {
			yield(Event{}, fmt.Errorf("follow job: %w", err))
			return
		}
		defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		for {
			list, last, err := l.replay(ctx, jobID, after)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(Event{}, fmt.Errorf("follow job: %w", err))
				return
			}
			after = last
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-wake:
			case <-tick.C:
			}
		}
	}
}
