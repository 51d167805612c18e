package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"rollcall.example/gateway/client"
)

// user uploads files and follows jobs, and retries until that succeeds.
type user struct {
	token    string
	servers  []string         // URLs of the replicas of upload
	uploads  []*client.Client // a client of each of them
	all      *client.Client   // a client that uses all of them in turn
	gateways []string         // URLs of the replicas of the gateway
	// via is how all of these are reached; nil is http.DefaultTransport.
	via http.RoundTripper
	// retriedPosts counts requests that failed or got a temporary refusal.
	retriedPosts atomic.Int64
	// retriedParts counts requests of uploads in parts that failed or were refused.
	retriedParts atomic.Int64
	// connections counts the connections of followed jobs.
	connections atomic.Int64
}

const (
	retryDelay     = 100 * time.Millisecond
	requestTimeout = 15 * time.Second // for a request and its answer
)

// upload sends a file as a form and returns its job. The key prevents a second job if
// the answer to an accepted request is lost.
func (u *user) upload(ctx context.Context, f *file) (jobID string, err error) {
	err = u.tryReplicas(ctx, func(c *client.Client) error {
		o := client.UploadOptions{DryRun: f.dry, Key: f.name}
		jobID, err = c.Upload(ctx, f.name, bytes.NewReader(f.bytes), o)
		return err
	})
	return jobID, err
}

func (u *user) retry(ctx context.Context, jobID string) error {
	return u.tryReplicas(ctx, func(c *client.Client) error {
		_, err := c.Retry(ctx, jobID)
		return err
	})
}

func (u *user) approve(ctx context.Context, jobID string) error {
	return u.tryReplicas(ctx, func(c *client.Client) error {
		_, err := c.Approve(ctx, jobID, "")
		return err
	})
}

// tryReplicas calls do with one replica after the other until it succeeds or a replica
// refuses for good.
func (u *user) tryReplicas(ctx context.Context, do func(*client.Client) error) error {
	for try := 0; ; try++ {
		err := do(u.uploads[try%len(u.uploads)])
		status, refused := errors.AsType[*client.StatusError](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w, last %w", ctx.Err(), err)
		case refused && status.Status < 500 && status.Status != http.StatusTooManyRequests:
			return err
		}
		u.retriedPosts.Add(1)
		sleepUntil(ctx, time.Now().Add(retryDelay))
	}
}

// follow follows a job on one gateway to its end and returns the sequences of the facts
// that the client saw.
func (u *user) follow(ctx context.Context, jobID, gateway string) (seen []uint64, err error) {
	err = u.watch(ctx, jobID, gateway, func(f client.Frame) { seen = append(seen, f.Seq) })
	return seen, err
}

// watch follows a job on one gateway to its end and passes on the frames of its facts.
func (u *user) watch(ctx context.Context, jobID, gateway string, on func(client.Frame)) error {
	c, err := client.New(client.Config{
		URL: gateway, Attempts: -1, Stay: true, HTTPClient: &http.Client{Transport: u.via},
		Backoff:     func(int) time.Duration { return retryDelay },
		TokenSource: func(context.Context) (string, error) { u.connections.Add(1); return u.token, nil },
	})
	if err != nil {
		return err
	}
	for f, err := range c.Watch(ctx, jobID, 0) {
		if err != nil {
			return err
		}
		if f.Seq > 0 {
			on(f)
		}
	}
	return ctx.Err()
}
