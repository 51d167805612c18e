package iec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const quotaKey = "window"

// SpentError means that the quota allows no call before ResetAt.
type SpentError struct {
	Quota events.Quota
	// OfUser says that the user's own allowance is spent, not that of all.
	OfUser bool
}

func (e *SpentError) Error() string {
	whose := "iec quota"
	if e.OfUser {
		whose = "the user's iec quota"
	}
	return fmt.Sprintf("%s of %d calls is spent until %s", whose, e.Quota.Limit, e.Quota.ResetAt.Format(time.RFC3339))
}

// QuotaConfig says how many calls are allowed.
type QuotaConfig struct {
	// Limit is how many calls any Window may have; at least 1.
	Limit int
	// Window is the rolling time that Limit applies to; 0 means an hour.
	Window time.Duration
	// Block is how many calls a process reserves at once; 0 means a thousandth of Limit,
	// but at least 20 and at most 1000. That many calls are not made in an hour in which a
	// process dies.
	Block int
	// Now is the local clock, which need not be right; nil means time.Now.
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
	counts counts
	cfg    QuotaConfig

	mu sync.Mutex
	// shared is the block in hand of the calls for all jobs, forSmall that of the
	// calls reserved for small ones.
	shared, forSmall block
	last             events.Quota
}

// NewQuota returns the quota in the bucket kv.
func NewQuota(kv jetstream.KeyValue, cfg QuotaConfig) (*Quota, error) {
	if cfg.Limit < 1 {
		return nil, fmt.Errorf("iec quota: Limit must be at least 1, not %d", cfg.Limit)
	}
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	return &Quota{counts: counts{kv, quotaKey, cfg, events.NewClock(events.BucketTime(kv), cfg.Now)}, cfg: cfg}, nil
}

func (cfg QuotaConfig) complete() (QuotaConfig, error) {
	cfg.Window = cmp.Or(cfg.Window, time.Hour)
	cfg.Block = cmp.Or(cfg.Block, min(max(cfg.Limit/1000, 20), 1000))
	switch {
	case cfg.Window < quotaSlots:
		return cfg, fmt.Errorf("iec quota: Window must be positive, not %s", cfg.Window)
	case cfg.Block < 1:
		return cfg, fmt.Errorf("iec quota: Block must be at least 1, not %d", cfg.Block)
	}
	return cfg, nil
}

// reservedForSmall returns how many calls are reserved for small jobs.
func (q *Quota) reservedForSmall() int {
	n := q.cfg.Limit / 20
	return n - n%q.cfg.Block
}

// IsSmallJob reports whether a job of so many rows may use the calls reserved for
// small ones.
func (q *Quota) IsSmallJob(rows int) bool { return rows <= q.reservedForSmall()/4 }

// Acquire allows one call, to be made at once, or returns a *SpentError, whose times
// are those of the local clock. small allows it to use the calls reserved for small
// jobs.
func (q *Quota) Acquire(ctx context.Context, small bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.counts.clock.Sync(ctx); err != nil {
		return fmt.Errorf("iec quota: %w", err)
	}
	if q.shared.spend(q.counts.currentSlot()) || small && q.forSmall.spend(q.counts.currentSlot()) {
		return nil
	}
	err := q.refill(ctx, &q.shared, q.cfg.Limit-q.reservedForSmall())
	var spent *SpentError
	if small && errors.As(err, &spent) {
		err = q.refill(ctx, &q.forSmall, q.cfg.Limit)
	}
	return err
}

// refill returns what is left of a block, reserves a new one unless limit calls are
// used, and takes the caller's call from it.
func (q *Quota) refill(ctx context.Context, b *block, limit int) (err error) {
	q.last, err = q.counts.refill(ctx, b, limit, q.last)
	return err
}

// giveBack returns a call that was allowed and not made.
func (q *Quota) giveBack(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.counts.currentSlot()
	for _, b := range []*block{&q.shared, &q.forSmall} {
		if b.slot == now {
			b.left++
			return nil
		}
	}
	return q.counts.update(ctx, func(s slots) error {
		s.returnBlock(block{slot: max(q.shared.slot, q.forSmall.slot), left: 1})
		return nil
	})
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
	return q.counts.update(ctx, func(s slots) error {
		s.returnBlock(ordinary)
		s.returnBlock(kept)
		return nil
	})
}

// Clock returns the clock of NATS, by which the calls are counted.
func (q *Quota) Clock() *events.Clock { return q.counts.clock }

// LastState returns the state of the quota when this process last reserved calls, by
// the local clock; zero if it never did.
func (q *Quota) LastState() events.Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}

// onWire returns a state by the clock of NATS.
func (q *Quota) onWire(st events.Quota) events.Quota {
	st.ResetAt = q.counts.clock.ToNATS(st.ResetAt)
	return st
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

// State returns how much of the quota is reserved or used, by the clock of NATS.
func (q *Quota) State(ctx context.Context) (events.Quota, error) { return q.counts.state(ctx) }
