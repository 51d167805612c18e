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
//
// The slots are those of the clock of NATS: a replica whose own clock is ahead would
// drop what the others have just spent. All times that counts gives are those of the
// local clock.
type counts struct {
	kv    jetstream.KeyValue
	key   string
	cfg   QuotaConfig
	clock *events.Clock
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

func (c counts) currentSlot() int64 { return c.clock.Now().UnixNano() / int64(c.slotLength()) }

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

// state returns how many calls are reserved or used, by the clock of NATS.
func (c counts) state(ctx context.Context) (events.Quota, error) {
	s, _, err := c.load(ctx)
	if err != nil {
		return events.Quota{}, err
	}
	st := c.describe(s)
	st.ResetAt = c.clock.ToNATS(st.ResetAt)
	return st, nil
}

func (c counts) describe(s slots) events.Quota {
	st := events.Quota{Used: s.sum(), Limit: c.cfg.Limit}
	if st.Used > 0 {
		oldest := slices.Min(slices.Collect(maps.Keys(s)))
		st.ResetAt = c.clock.ToLocal(time.Unix(0, (oldest+quotaSlots+1)*int64(c.slotLength())).UTC())
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
	if err := c.clock.Sync(ctx); err != nil {
		return nil, 0, fmt.Errorf("read iec quota: %w", err)
	}
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

// replaceKey writes a key that had the revision rev, 0 for none. Somebody may have removed
// it before; then there is a mark in its place, which only Create passes over.
func replaceKey(ctx context.Context, kv jetstream.KeyValue, key string, value []byte, rev uint64) error {
	var err error
	if rev == 0 {
		_, err = kv.Create(ctx, key, value)
	} else {
		_, err = kv.Update(ctx, key, value, rev)
	}
	return err
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
		err = replaceKey(ctx, c.kv, c.key, value, rev)
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

// isConflict reports whether a write to a bucket failed because another writer was
// first. A replicated bucket has an error code of its own for that, which Create
// passes on for a key that was deleted before.
func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}
