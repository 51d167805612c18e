package iec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// claims are who is being asked about at the moment, for all replicas: one job
// asks about a person, the others wait for its answer. A claim is a key of a
// bucket, named like the verdict that will follow, and holds the id of
// the job. That of a process that died ends by itself, after events.ClaimTTL.
type claims struct{ kv jetstream.KeyValue }

// claim is the right to ask about one person.
type claim struct {
	kv       jetstream.KeyValue
	key, job string
	revision uint64
	at       time.Time // when it was taken or renewed
}

// errClaimLost: the claim has ended, and somebody else may be asking by now.
var errClaimLost = errors.New("claim has ended")

// take reports whether the job may ask now. If not, another one is asking. What
// an earlier run of the same job had claimed is its own: only one runs at a time.
func (c *claims) take(ctx context.Context, key, job string) (*claim, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("take claim: %w", context.Cause(ctx))
	}
	// Seen through once begun: cut off, it might have been taken all the same,
	// and others would wait for nobody.
	ctx = context.WithoutCancel(ctx)
	mine := &claim{kv: c.kv, key: key, job: job, at: time.Now()}
	revision, err := c.kv.Create(ctx, key, []byte(job))
	if lostRace(err) {
		var entry jetstream.KeyValueEntry
		entry, err = c.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, nil // gone this moment
		}
		if err != nil {
			return nil, fmt.Errorf("read claim: %w", err)
		}
		if string(entry.Value()) != job {
			return nil, nil
		}
		revision, err = c.kv.Update(ctx, key, []byte(job), entry.Revision())
		if lostRace(err) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("take claim: %w", err)
	}
	mine.revision = revision
	return mine, nil
}

// keep makes the claim last for another call. Turns and retries may be waited
// for longer than it lives.
func (c *claim) keep(ctx context.Context) error {
	now := time.Now()
	if now.Sub(c.at) < events.ClaimTTL/2 {
		return nil
	}
	revision, err := c.kv.Update(ctx, c.key, []byte(c.job), c.revision)
	if lostRace(err) {
		return errClaimLost
	}
	if err != nil {
		return fmt.Errorf("renew claim: %w", err)
	}
	c.revision, c.at = revision, now
	return nil
}

// release ends the claim, also while shutting down. One that is somebody else's
// by now stays.
func (c *claim) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := c.kv.Delete(ctx, c.key, jetstream.LastRevision(c.revision)); err != nil && !lostRace(err) {
		return fmt.Errorf("release claim: %w", err)
	}
	return nil
}

// lostRace reports whether a write to a bucket failed because another one was
// faster. A replicated bucket says so with a code of its own, which Create hands
// through for a key that was deleted before.
func lostRace(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}
