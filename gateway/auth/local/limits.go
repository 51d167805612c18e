package local

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"rollcall.example/events/refusal"
)

// Attempts: of an address at once and then one in so much time, and of all together. Those
// of all bound the work of hashing, too.
const (
	addressBurst, allBurst = 5, 30
	addressEvery, allEvery = 12 * time.Second, time.Second
	maxAddresses           = 4096
)

// limits counts attempts.
type limits struct {
	now func() time.Time

	mu        sync.Mutex
	all       *rate.Limiter
	addresses map[string]*rate.Limiter
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, all: rate.NewLimiter(rate.Every(allEvery), allBurst),
		addresses: map[string]*rate.Limiter{}}
}

// attempt refuses one too many.
func (l *limits) attempt(address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	own := l.addresses[address]
	if own == nil {
		if len(l.addresses) >= maxAddresses {
			l.forget(now)
		}
		own = rate.NewLimiter(rate.Every(addressEvery), addressBurst)
		l.addresses[address] = own
	}
	// An address that is over its own limit must not use up that of all.
	if !own.AllowN(now, 1) || !l.all.AllowN(now, 1) {
		return &refusal.Error{Code: refusal.CodeTooManyAttempts, RetryAfter: addressEvery,
			Message: "Too many attempts. Please wait a moment."}
	}
	return nil
}

// forget removes the addresses that may do everything again, or all where there is none:
// the limit of all is left.
func (l *limits) forget(now time.Time) {
	for address, of := range l.addresses {
		if of.TokensAt(now) >= addressBurst {
			delete(l.addresses, address)
		}
	}
	if len(l.addresses) >= maxAddresses {
		clear(l.addresses)
	}
}
