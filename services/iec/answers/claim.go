package answers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
)

// Claim is the right to ask about one person: one job asks, the others wait for its answer.
// A claim ends with the answer. That of a process that died ends by itself, after
// events.ClaimTTL.
type Claim struct {
	store  *Store
	person key
	job    string

	seq       uint64 // of the message that made it
	renewedAt time.Time
}

// ErrClaimLost means that the claim has ended and another job may be asking by now.
var ErrClaimLost = errors.New("claim has ended")

// Claim returns the right to ask about a person for a job, or nil while another job has it.
// A claim that an earlier run of the same job left behind is the job's own: only one run
// exists at a time.
func (s *Store) Claim(ctx context.Context, id, job string) (*Claim, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("claim: %w", context.Cause(ctx))
	}
	c := &Claim{store: s, person: s.keyOf(id), job: job}
	if s.isClaimed(c.person, job) {
		// Find out whether that is still so: the answer may have come.
		if err := s.log.catchUp(ctx); err != nil {
			return nil, fmt.Errorf("claim: %w", err)
		}
		if s.isClaimed(c.person, job) {
			return nil, nil
		}
	}
	granted, err := c.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	if !granted {
		return nil, nil
	}
	return c, nil
}

// isClaimed reports whether another job has the claim, as far as this process knows.
func (s *Store) isClaimed(person key, job string) bool {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	held, ok := s.log.state.claims[person]
	return ok && held.job != job && s.cfg.Now().Sub(held.at) < events.ClaimTTL
}

// acquire makes the claim, or makes it last longer.
func (c *Claim) acquire(ctx context.Context) (granted bool, err error) {
	now := time.Now()
	c.store.log.mu.Lock()
	over := c.store.log.state.claims[c.person].seq
	c.store.log.mu.Unlock()
	// Once begun, it is finished: a cut-off request might have stored the claim all
	// the same, and others would wait for nobody.
	r, err := c.store.log.append(context.WithoutCancel(ctx),
		&request{claim: &claimed{Person: c.person, Job: c.job, Over: over}})
	if err != nil || !r.granted {
		return false, err
	}
	c.seq, c.renewedAt = r.seq, now
	return true, nil
}

// Person returns the hash of the person.
func (c *Claim) Person() string { return c.person.String() }

// Renew makes the claim last for another call. Waiting for turns and retries may take
// longer than a claim lives. The error is ErrClaimLost when it has ended meanwhile.
func (c *Claim) Renew(ctx context.Context) error {
	if time.Since(c.renewedAt) < events.ClaimTTL/2 {
		return nil
	}
	c.store.log.mu.Lock()
	held := c.store.log.state.claims[c.person]
	c.store.log.mu.Unlock()
	if held.seq != c.seq {
		return ErrClaimLost
	}
	granted, err := c.acquire(ctx)
	if err != nil {
		return fmt.Errorf("renew claim: %w", err)
	}
	if !granted {
		return ErrClaimLost
	}
	return nil
}

// Release ends the claim without an answer, even during shutdown. A claim that has passed
// to another job stays.
func (c *Claim) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if _, err := c.store.log.append(ctx, &request{claim: &claimed{Person: c.person, Ends: c.seq}}); err != nil {
		return fmt.Errorf("release claim: %w", err)
	}
	return nil
}
