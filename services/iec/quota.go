package iec

import (
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

// SpentError says that the quota allows no call before ResetAt.
type SpentError struct{ Quota events.Quota }

func (e *SpentError) Error() string {
	return fmt.Sprintf("iec quota of %d calls is spent until %s", e.Quota.Limit, e.Quota.ResetAt.Format(time.RFC3339))
}

// QuotaConfig says how many calls are allowed.
type QuotaConfig struct {
	// Limit is calls in any Window; it must be positive.
	Limit int
	// Window is the rolling time that Limit is for; 0 means an hour.
	Window time.Duration
	// Block is how many calls are reserved at once; 0 means 20.
	Block int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Quota is the allowance of calls that all replicas share through one key of a
// bucket. The window is kept as counts of sixty slots. A slot counts until the
// last call that it may hold has left the window, so no rolling window ever
// holds more than Limit calls; a slot's length of it may lie idle.
//
// Calls are reserved in blocks, so that the bucket is not asked for each. A
// block is good within its slot only and what is left of it is given back.
type Quota struct {
	kv  jetstream.KeyValue
	cfg QuotaConfig

	mu   sync.Mutex
	slot int64 // of the block in hand
	left int   // calls left in it
}

// NewQuota returns the quota kept in kv.
func NewQuota(kv jetstream.KeyValue, cfg QuotaConfig) (*Quota, error) {
	if cfg.Limit <= 0 {
		return nil, fmt.Errorf("iec quota: limit %d: must be positive", cfg.Limit)
	}
	if cfg.Window == 0 {
		cfg.Window = time.Hour
	}
	if cfg.Block == 0 {
		cfg.Block = 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Quota{kv: kv, cfg: cfg}, nil
}

// slots counts reserved calls by slot number since the epoch.
type slots map[int64]int

func (q *Quota) slotLength() time.Duration { return q.cfg.Window / quotaSlots }

func (q *Quota) current() int64 { return q.cfg.Now().UnixNano() / int64(q.slotLength()) }

// Acquire allows one call, to be made at once, or returns a *SpentError.
func (q *Quota) Acquire(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left > 0 && q.slot == q.current() {
		q.left--
		return nil
	}
	back, slot := q.left, q.slot
	q.left = 0
	var now int64
	var n int
	err := q.change(ctx, func(s slots) error {
		s[slot] -= back
		now = q.current()
		free := q.cfg.Limit - s.used()
		if free <= 0 {
			return &SpentError{Quota: q.state(s)}
		}
		// The last calls are dealt out smaller, so that replicas share them.
		n = min(q.cfg.Block, max(free/4, 1))
		s[now] += n
		return nil
	})
	if err != nil {
		return err
	}
	// One of them is the caller's.
	q.slot, q.left = now, n-1
	return nil
}

// Release gives back what is left of the block in hand.
func (q *Quota) Release(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left == 0 {
		return nil
	}
	back, slot := q.left, q.slot
	q.left = 0
	return q.change(ctx, func(s slots) error {
		s[slot] -= back
		return nil
	})
}

// State tells how much of the quota is reserved or spent.
func (q *Quota) State(ctx context.Context) (events.Quota, error) {
	s, _, err := q.load(ctx)
	if err != nil {
		return events.Quota{}, err
	}
	return q.state(s), nil
}

func (q *Quota) state(s slots) events.Quota {
	st := events.Quota{Used: s.used(), Limit: q.cfg.Limit}
	if st.Used >= st.Limit && len(s) > 0 {
		oldest := slices.Min(slices.Collect(maps.Keys(s)))
		st.ResetAt = time.Unix(0, (oldest+quotaSlots+1)*int64(q.slotLength())).UTC()
	}
	return st
}

func (s slots) used() (n int) {
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
	oldest := q.current() - quotaSlots
	maps.DeleteFunc(s, func(slot int64, n int) bool { return slot < oldest || n <= 0 })
	return s, entry.Revision(), nil
}

// change applies f to the newest counts until nobody else was faster.
func (q *Quota) change(ctx context.Context, f func(slots) error) error {
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
		if errors.Is(err, jetstream.ErrKeyExists) {
			continue // another replica was faster
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			// It may have been written all the same. Then it is counted twice,
			// which costs calls of this hour but never exceeds the limit.
			continue
		}
		if err != nil {
			return fmt.Errorf("write iec quota: %w", err)
		}
		return spent
	}
}
