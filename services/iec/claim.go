package iec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// claims are who is being asked about at the moment, for all replicas: one job
// asks about a person, the others wait for its answer. A claim is a key of a
// bucket in memory, named like the verdict that will follow, and holds the id of
// the job. That of a process that died ends by itself, after events.ClaimLife.
type claims struct{ kv jetstream.KeyValue }

// claim is the right to ask about one person.
type claim struct {
	kv  jetstream.KeyValue
	key string
}

// take reports whether the job may ask now. If not, another one is asking. What
// an earlier run of the same job had claimed is its own: only one runs at a time.
func (c *claims) take(ctx context.Context, key, job string) (*claim, error) {
	_, err := c.kv.Create(ctx, key, []byte(job))
	if errors.Is(err, jetstream.ErrKeyExists) {
		entry, err := c.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, nil // gone this moment
		}
		if err != nil {
			return nil, fmt.Errorf("read claim: %w", err)
		}
		if string(entry.Value()) != job {
			return nil, nil
		}
		_, err = c.kv.Update(ctx, key, []byte(job), entry.Revision())
		if errors.Is(err, jetstream.ErrKeyExists) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("take claim: %w", err)
		}
		return &claim{c.kv, key}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("take claim: %w", err)
	}
	return &claim{c.kv, key}, nil
}

// release ends the claim, also while shutting down.
func (c *claim) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := c.kv.Delete(ctx, c.key); err != nil {
		return fmt.Errorf("release claim: %w", err)
	}
	return nil
}
