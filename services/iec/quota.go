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
//
// The last twentieth of the quota, in whole blocks, is kept for small jobs: a
// job of a few rows does not wait for the hour that a big one has spent. A big
// job pays for that with a twentieth of its speed. Small is who needs at most a
// quarter of what is kept.
type Quota struct {
	kv  jetstream.KeyValue
	cfg QuotaConfig

	mu sync.Mutex
	// ordinary and kept are the blocks in hand, of the quota that is for all
	// and of what is kept.
	ordinary, kept block
	last           events.Quota
}

// block is calls that were reserved and not made yet.
type block struct {
	slot int64
	left int
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

// reserve is how many calls are kept for small jobs.
func (q *Quota) reserve() int {
	n := q.cfg.Limit / 20
	return n - n%q.cfg.Block
}

// Small says whether a job of so many rows may use what is kept.
func (q *Quota) Small(rows int) bool { return rows <= q.reserve()/4 }

// Acquire allows one call, to be made at once, or returns a *SpentError. small
// says that the job may use what is kept for small ones.
func (q *Quota) Acquire(ctx context.Context, small bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ordinary.take(q.current()) || small && q.kept.take(q.current()) {
		return nil
	}
	err := q.refill(ctx, &q.ordinary, q.cfg.Limit-q.reserve())
	var spent *SpentError
	if small && errors.As(err, &spent) {
		err = q.refill(ctx, &q.kept, q.cfg.Limit)
	}
	return err
}

func (b *block) take(now int64) bool {
	if b.left == 0 || b.slot != now {
		return false
	}
	b.left--
	return true
}

// refill gives back what is left of a block, reserves a new one as long as no
// more than limit calls are used, and takes the caller's call from it.
func (q *Quota) refill(ctx context.Context, b *block, limit int) error {
	back := *b
	b.left = 0
	fresh := block{}
	err := q.change(ctx, func(s slots) error {
		s.giveBack(back)
		fresh.slot = q.current()
		free := limit - s.used()
		if free <= 0 {
			q.last = q.state(s)
			return &SpentError{Quota: q.last}
		}
		// The last calls are dealt out smaller, so that replicas share them.
		fresh.left = min(q.cfg.Block, max(free/4, 1))
		s[fresh.slot] += fresh.left
		q.last = q.state(s)
		return nil
	})
	if err != nil {
		return err
	}
	fresh.left-- // the caller's
	*b = fresh
	return nil
}

// Release gives back what is left of the blocks in hand.
func (q *Quota) Release(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ordinary.left+q.kept.left == 0 {
		return nil
	}
	ordinary, kept := q.ordinary, q.kept
	q.ordinary.left, q.kept.left = 0, 0
	return q.change(ctx, func(s slots) error {
		s.giveBack(ordinary)
		s.giveBack(kept)
		return nil
	})
}

// Last is how the quota stood when this process last reserved calls; zero when
// it never did.
func (q *Quota) Last() events.Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}

// For is the quota as a job sees it: what is kept for small jobs is not there
// for others.
func (q *Quota) For(small bool, st events.Quota) events.Quota {
	if !small && st.Limit > 0 {
		st.Limit -= q.reserve()
	}
	return st
}

// Window is the rolling time that the limit is for.
func (q *Quota) Window() time.Duration { return q.cfg.Window }

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
	if st.Used > 0 {
		oldest := slices.Min(slices.Collect(maps.Keys(s)))
		st.ResetAt = time.Unix(0, (oldest+quotaSlots+1)*int64(q.slotLength())).UTC()
	}
	return st
}

// giveBack takes off what was not used of a block. A slot that has left the
// window meanwhile counts no more, and must not count below nothing.
func (s slots) giveBack(b block) {
	if n, counts := s[b.slot]; counts {
		s[b.slot] = max(n-b.left, 0)
	}
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
		if lostRace(err) {
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
