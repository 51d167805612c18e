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

// user uploads files and follows jobs, however often that has to be tried again.
type user struct {
	token    string
	servers  []string         // addresses of the replicas of upload
	uploads  []*client.Client // of each of them
	all      *client.Client   // of all of them in turn
	gateways []string         // addresses of the replicas of the gateway
	// refused counts what was not answered, or with a word to come again.
	refused atomic.Int64
	// again counts requests of uploads in parts that were not answered, or refused.
	again atomic.Int64
	// connections counts those that following took.
	connections atomic.Int64
}

const (
	tryAgainAfter = 100 * time.Millisecond
	requestTime   = 15 * time.Second // for a request and its answer
)

// upload sends a file as a form and returns the job that it became. With a key, what was
// accepted and not answered is no second job.
func (u *user) upload(ctx context.Context, f *file) (jobID string, err error) {
	err = u.persist(ctx, func(c *client.Client) error {
		o := client.UploadOptions{DryRun: f.dry, Key: f.name}
		jobID, err = c.Upload(ctx, f.name, bytes.NewReader(f.bytes), o)
		return err
	})
	return jobID, err
}

func (u *user) retry(ctx context.Context, jobID string) error {
	return u.persist(ctx, func(c *client.Client) error {
		_, err := c.Retry(ctx, jobID)
		return err
	})
}

// persist asks one replica after the other until one has answered what no repeating mends.
func (u *user) persist(ctx context.Context, do func(*client.Client) error) error {
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
		u.refused.Add(1)
		sleepUntil(ctx, time.Now().Add(tryAgainAfter))
	}
}

// follow returns the sequences of the facts that a client of one gateway was
// shown of a job, from the first to the end.
func (u *user) follow(ctx context.Context, jobID, gateway string) (seen []uint64, err error) {
	c, err := client.New(client.Config{
		URL: gateway, Attempts: -1, Stay: true,
		Backoff:     func(int) time.Duration { return tryAgainAfter },
		TokenSource: func(context.Context) (string, error) { u.connections.Add(1); return u.token, nil },
	})
	if err != nil {
		return nil, err
	}
	for f, err := range c.Watch(ctx, jobID, 0) {
		if err != nil {
			return seen, err
		}
		if f.Seq > 0 {
			seen = append(seen, f.Seq)
		}
	}
	return seen, ctx.Err()
}
