package iec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const quotaSlots = 60

// counts are the calls of a rolling window, counted under one key of a bucket that
// all replicas share.
type counts struct {
	kv  jetstream.KeyValue
	key string
	cfg QuotaConfig
}

// slots counts reserved calls by slot, numbered since the epoch.
type slots map[int64]int

// block holds calls that are reserved and not made yet.
type block struct {
	slot int64
	left int
}

// spend uses a call of the block, if it has one left in this slot.
func (b *block) spend(now int64) bool {
	if b.left == 0 || b.slot != now {
		return false
	}
	b.left--
	return true
}

func (c counts) slotLength() time.Duration { return c.cfg.Window / quotaSlots }

func (c counts) currentSlot() int64 { return c.cfg.Now().UnixNano() / int64(c.slotLength()) }

// refill returns what is left of a block, reserves a new one unless limit calls are
// used, and takes the caller's call from it. It returns what is used then; last when
// that is unknown.
func (c counts) refill(ctx context.Context, b *block, limit int, last events.Quota) (events.Quota, error) {
	back := *b
	b.left = 0
	fresh := block{}
	err := c.update(ctx, func(s slots) error {
		s.returnBlock(back)
		fresh.slot = c.currentSlot()
		free := limit - s.sum()
		if free <= 0 {
			last = c.describe(s)
			return &SpentError{Quota: last}
		}
		// The last calls come in smaller blocks, so that replicas share them.
		fresh.left = min(c.cfg.Block, max(free/4, 1))
		s[fresh.slot] += fresh.left
		last = c.describe(s)
		return nil
	})
	if err != nil {
		return last, err
	}
	fresh.left-- // the caller's call
	*b = fresh
	return last, nil
}

// state returns how many calls are reserved or used.
func (c counts) state(ctx context.Context) (events.Quota, error) {
	s, _, err := c.load(ctx)
	if err != nil {
		return events.Quota{}, err
	}
	return c.describe(s), nil
}

func (c counts) describe(s slots) events.Quota {
	st := events.Quota{Used: s.sum(), Limit: c.cfg.Limit}
	if st.Used > 0 {
		oldest := slices.Min(slices.Collect(maps.Keys(s)))
		st.ResetAt = time.Unix(0, (oldest+quotaSlots+1)*int64(c.slotLength())).UTC()
	}
	return st
}

// returnBlock subtracts what a block did not use. A slot that has left the window
// no longer counts and must not fall below zero.
func (s slots) returnBlock(b block) {
	if n, counts := s[b.slot]; counts {
		s[b.slot] = max(n-b.left, 0)
	}
}

func (s slots) sum() (n int) {
	for _, calls := range s {
		n += calls
	}
	return n
}

func (c counts) load(ctx context.Context) (slots, uint64, error) {
	s := slots{}
	entry, err := c.kv.Get(ctx, c.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return s, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read iec quota: %w", err)
	}
	if err := json.Unmarshal(entry.Value(), &s); err != nil {
		return nil, 0, fmt.Errorf("read iec quota: %w", err)
	}
	oldest := c.currentSlot() - quotaSlots
	maps.DeleteFunc(s, func(slot int64, n int) bool { return slot < oldest || n <= 0 })
	return s, entry.Revision(), nil
}

// update applies f to the newest counts, again if another replica was first.
func (c counts) update(ctx context.Context, f func(slots) error) error {
	for {
		s, rev, err := c.load(ctx)
		if err != nil {
			return err
		}
		spent := f(s)
		maps.DeleteFunc(s, func(_ int64, n int) bool { return n <= 0 })
		value, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("write iec quota: %w", err)
		}
		_, err = c.kv.Update(ctx, c.key, value, rev)
		if isConflict(err) {
			continue // another replica was first
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			// It may have been written all the same. Then the calls count twice,
			// which wastes some of this hour but never exceeds the limit.
			continue
		}
		if err != nil {
			return fmt.Errorf("write iec quota: %w", err)
		}
		return spent
	}
}
