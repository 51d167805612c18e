package events

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
)

const followEvery = time.Second

// Follow yields the facts of a job after the given sequence: first the stored
// ones, then each new one, until ctx ends. It always reads facts from the log.
// The live subject only tells it when to look; because a live message may get
// lost, it also looks once a second. It needs no consumer, only permission to
// read BULK and to subscribe to live.bulk.>. An error is the last thing
// yielded.
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
