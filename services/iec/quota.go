package iec

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	quotaKey   = "window"
	quotaSlots = 60
)

// SpentError means that the quota allows no call before ResetAt.
type SpentError struct{ Quota events.Quota }

func (e *SpentError) Error() string {
	return fmt.Sprintf("iec quota of %d calls is spent until %s", e.Quota.Limit, e.Quota.ResetAt.Format(time.RFC3339))
}

// QuotaConfig says how many calls are allowed.
type QuotaConfig struct {
	// Limit is how many calls any Window may have; at least 1.
	Limit int
	// Window is the rolling time that Limit applies to; 0 means an hour.
	Window time.Duration
	// Block is how many calls a process reserves at once; 0 means 20.
	Block int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Quota is the allowance of calls that all replicas share through one key of a
// bucket. The window is kept as counts of sixty slots. A slot counts until the last
// call that it may hold has left the window, so no rolling window ever holds more
// than Limit calls; up to one slot's time of the window stays unused.
//
// Calls are reserved in blocks, so that not each call needs the bucket. A block is
// valid within its slot only; what is left of it is returned.
//
// The last twentieth of the quota, in whole blocks, is reserved for small jobs: a
// job of a few rows need not wait for the hour that a big job has spent. A big job
// pays for that with a twentieth of its speed. A job is small if it needs at most a
// quarter of what is reserved.
type Quota struct {
	kv  jetstream.KeyValue
	cfg QuotaConfig

	mu sync.Mutex
	// shared is the block in hand of the calls for all jobs, forSmall that of the
	// calls reserved for small ones.
	shared, forSmall block
	last             events.Quota
}

// block holds calls that are reserved and not made yet.
type block struct {
	slot int64
	left int
}

// NewQuota returns the quota in the bucket kv.
func NewQuota(kv jetstream.KeyValue, cfg QuotaConfig) (*Quota, error) {
	cfg.Window = cmp.Or(cfg.Window, time.Hour)
	cfg.Block = cmp.Or(cfg.Block, 20)
	switch {
	case cfg.Limit < 1:
		return nil, fmt.Errorf("iec quota: Limit must be at least 1, not %d", cfg.Limit)
	case cfg.Window < quotaSlots:
		return nil, fmt.Errorf("iec quota: Window must be positive, not %s", cfg.Window)
	case cfg.Block < 1:
		return nil, fmt.Errorf("iec quota: Block must be at least 1, not %d", cfg.Block)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Quota{kv: kv, cfg: cfg}, nil
}

// slots counts reserved calls by slot, numbered since the epoch.
type slots map[int64]int

func (q *Quota) slotLength() time.Duration { return q.cfg.Window / quotaSlots }

func (q *Quota) currentSlot() int64 { return q.cfg.Now().UnixNano() / int64(q.slotLength()) }

// reservedForSmall returns how many calls are reserved for small jobs.
func (q *Quota) reservedForSmall() int {
	n := q.cfg.Limit / 20
	return n - n%q.cfg.Block
}

// IsSmallJob reports whether a job of so many rows may use the calls reserved for
// small ones.
func (q *Quota) IsSmallJob(rows int) bool { return rows <= q.reservedForSmall()/4 }

// Acquire allows one call, to be made at once, or returns a *SpentError. small
// allows it to use the calls reserved for small jobs.
func (q *Quota) Acquire(ctx context.Context, small bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shared.spend(q.currentSlot()) || small && q.forSmall.spend(q.currentSlot()) {
		return nil
	}
	err := q.refill(ctx, &q.shared, q.cfg.Limit-q.reservedForSmall())
	var spent *SpentError
	if small && errors.As(err, &spent) {
		err = q.refill(ctx, &q.forSmall, q.cfg.Limit)
	}
	return err
}

// spend uses a call of the block, if it has one left in this slot.
func (b *block) spend(now int64) bool {
	if b.left == 0 || b.slot != now {
		return false
	}
	b.left--
	return true
}

// refill returns what is left of a block, reserves a new one unless limit calls are
// used, and takes the caller's call from it.
func (q *Quota) refill(ctx context.Context, b *block, limit int) error {
	back := *b
	b.left = 0
	fresh := block{}
	err := q.update(ctx, func(s slots) error {
		s.returnBlock(back)
		fresh.slot = q.currentSlot()
		free := limit - s.sum()
		if free <= 0 {
			q.last = q.describe(s)
			return &SpentError{Quota: q.last}
		}
		// The last calls come in smaller blocks, so that replicas share them.
		fresh.left = min(q.cfg.Block, max(free/4, 1))
		s[fresh.slot] += fresh.left
		q.last = q.describe(s)
		return nil
	})
	if err != nil {
		return err
	}
	fresh.left-- // the caller's call
	*b = fresh
	return nil
}

// Release returns what is left of the blocks in hand.
func (q *Quota) Release(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shared.left+q.forSmall.left == 0 {
		return nil
	}
	ordinary, kept := q.shared, q.forSmall
	q.shared.left, q.forSmall.left = 0, 0
	return q.update(ctx, func(s slots) error {
		s.returnBlock(ordinary)
		s.returnBlock(kept)
		return nil
	})
}

// LastState returns the state of the quota when this process last reserved calls;
// zero if it never did.
func (q *Quota) LastState() events.Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}

// AsSeenBy returns the quota as a job sees it: without the calls reserved for small
// jobs unless small is set.
func (q *Quota) AsSeenBy(small bool, st events.Quota) events.Quota {
	if !small && st.Limit > 0 {
		st.Limit -= q.reservedForSmall()
	}
	return st
}

// Window returns the rolling time that the limit applies to.
func (q *Quota) Window() time.Duration { return q.cfg.Window }

// State returns how much of the quota is reserved or used.
func (q *Quota) State(ctx context.Context) (events.Quota, error) {
	s, _, err := q.load(ctx)
	if err != nil {
		return events.Quota{}, err
	}
	return q.describe(s), nil
}

func (q *Quota) describe(s slots) events.Quota {
	st := events.Quota{Used: s.sum(), Limit: q.cfg.Limit}
	if st.Used > 0 {
		oldest := slices.Min(slices.Collect(maps.Keys(s)))
		st.ResetAt = time.Unix(0, (oldest+quotaSlots+1)*int64(q.slotLength())).UTC()
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
	for _, c := range s {
		n += c
	}
	return n
}

func (q *Quota) load(ctx context.Context) (slots, uint64, error) {
	s := slots{}
	entry, err := q.kv.Get(ctx, quotaKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return s, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read iec quota: %w", err)
	}
	if err := json.Unmarshal(entry.Value(), &s); err != nil {
		return nil, 0, fmt.Errorf("read iec quota: %w", err)
	}
	oldest := q.currentSlot() - quotaSlots
	maps.DeleteFunc(s, func(slot int64, n int) bool { return slot < oldest || n <= 0 })
	return s, entry.Revision(), nil
}

// update applies f to the newest counts, again if another replica was first.
func (q *Quota) update(ctx context.Context, f func(slots) error) error {
	for {
		s, rev, err := q.load(ctx)
		if err != nil {
			return err
		}
		spent := f(s)
		maps.DeleteFunc(s, func(_ int64, n int) bool { return n <= 0 })
		value, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("write iec quota: %w", err)
		}
		_, err = q.kv.Update(ctx, quotaKey, value, rev)
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
