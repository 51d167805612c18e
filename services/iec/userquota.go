package iec

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// UserQuota is how many calls each user's jobs may make in any rolling window, all
// replicas together, so that nobody spends what all share. Each user has a key of
// the quota's bucket, named by a hash of the user's id, because an id may be the
// number of a person. A key vanishes when its user has made no call for a while.
type UserQuota struct {
	kv    jetstream.KeyValue
	cfg   QuotaConfig
	clock *events.Clock

	mu    sync.Mutex
	users map[string]*userCalls // by user id, of those with jobs under way
}

// userCalls are the calls of one user in this process.
type userCalls struct {
	jobs int // of UserQuota.mu

	mu   sync.Mutex
	hand block
	last events.Quota
}

// NewUserQuota returns the users' quota in the bucket kv. A Limit of 0 sets no
// limit.
func NewUserQuota(kv jetstream.KeyValue, cfg QuotaConfig) (*UserQuota, error) {
	if cfg.Limit < 0 {
		return nil, fmt.Errorf("iec quota: Limit of a user must not be negative, but is %d", cfg.Limit)
	}
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	return &UserQuota{
		kv: kv, cfg: cfg, clock: events.NewClock(events.BucketTime(kv), cfg.Now), users: map[string]*userCalls{},
	}, nil
}

func (q *UserQuota) counts(user string) counts {
	hash := sha256.Sum256([]byte("iec calls of " + user))
	return counts{q.kv, "user." + hex.EncodeToString(hash[:16]), q.cfg, q.clock}
}

// State returns how much of a user's part is reserved or used; the zero Quota when
// there is no limit.
func (q *UserQuota) State(ctx context.Context, user string) (events.Quota, error) {
	if q.cfg.Limit == 0 {
		return events.Quota{}, nil
	}
	return q.counts(user).state(ctx)
}

// allowance is a job's way to the calls of its user.
type allowance struct {
	quota  *UserQuota
	user   string
	calls  *userCalls
	counts counts
}

// join returns the allowance of a job of the user. Each join is followed by a
// leave.
func (q *UserQuota) join(user string) *allowance {
	q.mu.Lock()
	defer q.mu.Unlock()
	calls := q.users[user]
	if calls == nil {
		calls = &userCalls{}
		q.users[user] = calls
	}
	calls.jobs++
	return &allowance{q, user, calls, q.counts(user)}
}

// leave ends a join. The user's last one returns what is left of the block in hand.
func (a *allowance) leave(ctx context.Context) error {
	a.quota.mu.Lock()
	a.calls.jobs--
	last := a.calls.jobs == 0
	if last {
		delete(a.quota.users, a.user)
	}
	a.quota.mu.Unlock()
	a.calls.mu.Lock()
	defer a.calls.mu.Unlock()
	back := a.calls.hand
	if !last || back.left == 0 {
		return nil
	}
	a.calls.hand.left = 0
	return a.counts.update(ctx, func(s slots) error {
		s.returnBlock(back)
		return nil
	})
}

// acquire allows one call, to be made at once, or returns a *SpentError.
func (a *allowance) acquire(ctx context.Context) (err error) {
	limit := a.quota.cfg.Limit
	if limit == 0 {
		return nil
	}
	a.calls.mu.Lock()
	defer a.calls.mu.Unlock()
	if err := a.counts.clock.Sync(ctx); err != nil {
		return fmt.Errorf("iec quota of a user: %w", err)
	}
	if a.calls.hand.spend(a.counts.currentSlot()) {
		return nil
	}
	a.calls.last, err = a.counts.refill(ctx, &a.calls.hand, limit, a.calls.last)
	var spent *SpentError
	if errors.As(err, &spent) {
		spent.OfUser = true
	}
	return err
}

// giveBack returns a call that was allowed and not made.
func (a *allowance) giveBack() {
	a.calls.mu.Lock()
	defer a.calls.mu.Unlock()
	if a.quota.cfg.Limit > 0 && a.calls.hand.slot == a.counts.currentSlot() {
		a.calls.hand.left++
	}
}

// lastState returns the state of the user's part when this process last reserved
// calls of it; zero if it never did.
func (a *allowance) lastState() events.Quota {
	a.calls.mu.Lock()
	defer a.calls.mu.Unlock()
	return a.calls.last
}
