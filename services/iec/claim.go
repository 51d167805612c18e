package iec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// claims say for all replicas who is being asked about at the moment: one job asks
// about a person, the others wait for its answer. A claim is a key of a bucket,
// named like the verdict that will follow, and holds the job's id. The claim of a
// process that died ends by itself, after events.ClaimLife.
type claims struct{ kv jetstream.KeyValue }

// claim is the right to ask about one person.
type claim struct {
	kv        jetstream.KeyValue
	key, job  string
	revision  uint64
	renewedAt time.Time // or acquired
}

// errClaimLost means that the claim has ended and another job may be asking by now.
var errClaimLost = errors.New("claim has ended")

// acquire returns the claim on a person for a job, or nil while another job has it.
// A claim that an earlier run of the same job left behind is the job's own: only
// one run exists at a time.
func (c *claims) acquire(ctx context.Context, key, job string) (*claim, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("acquire claim: %w", context.Cause(ctx))
	}
	// Once begun, it is finished: a cut-off request might have stored the claim all
	// the same, and others would wait for nobody.
	ctx = context.WithoutCancel(ctx)
	mine := &claim{kv: c.kv, key: key, job: job, renewedAt: time.Now()}
	revision, err := c.kv.Create(ctx, key, []byte(job))
	if isConflict(err) {
		var entry jetstream.KeyValueEntry
		entry, err = c.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, nil // it has just ended
		}
		if err != nil {
			return nil, fmt.Errorf("read claim: %w", err)
		}
		if string(entry.Value()) != job {
			return nil, nil
		}
		revision, err = c.kv.Update(ctx, key, []byte(job), entry.Revision())
		if isConflict(err) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("acquire claim: %w", err)
	}
	mine.revision = revision
	return mine, nil
}

// renew makes the claim last for another call. Waiting for turns and retries may
// take longer than a claim lives.
func (c *claim) renew(ctx context.Context) error {
	now := time.Now()
	if now.Sub(c.renewedAt) < events.ClaimTTL/2 {
		return nil
	}
	revision, err := c.kv.Update(ctx, c.key, []byte(c.job), c.revision)
	if isConflict(err) {
		return errClaimLost
	}
	if err != nil {
		return fmt.Errorf("renew claim: %w", err)
	}
	c.revision, c.renewedAt = revision, now
	return nil
}

// release ends the claim, even during shutdown. A claim that has passed to another
// job stays.
func (c *claim) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := c.kv.Delete(ctx, c.key, jetstream.LastRevision(c.revision)); err != nil && !isConflict(err) {
		return fmt.Errorf("release claim: %w", err)
	}
	return nil
}

// isConflict reports whether a write to a bucket failed because another writer was
// first. A replicated bucket has an error code of its own for that, which Create
// passes on for a key that was deleted before.
func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}
