package iec

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/services/iec/sim"
)

// slowKV is slow to store what it is given.
type slowKV struct {
	jetstream.KeyValue
	now, most *atomic.Int64 // answers that are not stored yet
}

func (s slowKV) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
	return s.KeyValue.Put(ctx, key, value)
}

// A process that dies loses the answers that are not stored yet: no more than it
// has calls in progress, however slow NATS is.
func TestAtMostOneUnkeptAnswerPerCall(t *testing.T) {
	const concurrency = 3
	slow := slowKV{now: &atomic.Int64{}, most: &atomic.Int64{}}
	r := newRig(t, 10_000, sim.Config{}, func(c *Config) {
		c.Concurrency = concurrency
		slow.KeyValue = c.Cache.kv
		c.Cache.kv = slow
	})
	people := makeIDs(60)
	r.checkVerdicts(t, r.waitVerified(t, r.addJob(t, people, events.Options{}).ID), people)
	if most := slow.most.Load(); most != concurrency {
		t.Errorf("%d answers waited to be stored, with %d calls at once", most, concurrency)
	}
}
