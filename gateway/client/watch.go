package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
)

const (
	readLimit = 1 << 20 // bytes of a frame
	pingEvery = 30 * time.Second
)

// Watch yields the frames of a job after a sequence, first those of its history
// and then each as it comes, and ends after the one that the job ends with. Facts
// come once and in order, however often the connection breaks; progress comes
// as it is newest. Should the server's log have been made anew, they come from
// the beginning. An error is the last thing yielded; the end of ctx is none.
func (c *Client) Watch(ctx context.Context, jobID string, after uint64) iter.Seq2[Frame, error] {
	// A job that failed and was retried has an end in its history.
	return c.follow(ctx, jobID, after, func(p place) bool {
		return p.caughtUp && p.ended && !(c.cfg.Stay && p.retryable)
	})
}

// History yields the facts of a job so far, and ends.
func (c *Client) History(ctx context.Context, jobID string) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for f, err := range c.follow(ctx, jobID, 0, func(p place) bool { return p.caughtUp }) {
			if f.Seq == 0 && err == nil {
				continue // progress is no history
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// follow yields frames until enough says that what was yielded is all.
func (c *Client) follow(
	ctx context.Context, jobID string, after uint64, enough func(place) bool,
) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		f := follower{c: c, jobID: jobID, after: after, enough: enough, yield: yield}
		for failures := 1; ; failures++ {
			done, err := f.session(ctx)
			if done || ctx.Err() != nil {
				return
			}
			if f.joined {
				failures = 1
			}
			switch {
			case c.final(err, f.joined):
				yield(Frame{}, err)
				return
			case c.gaveUp(failures):
				yield(Frame{}, fmt.Errorf("follow job: gave up after %d attempts: %w", failures, err))
				return
			}
			if websocket.CloseStatus(err) == refusal.CloseStreamReset {
				f.after = 0
			}
			if c.wait(ctx, failures, connectBackoff); ctx.Err() != nil {
				return
			}
		}
	}
}

// final reports whether another connection would meet the same error.
func (c *Client) final(err error, joined bool) bool {
	refused, ok := errors.AsType[*refusal.Error](err)
	switch {
	case !ok, refused.Code == refusal.CodeOverloaded:
		return false
	case refused.Code == refusal.CodeUnauthenticated:
		// A token that was good before has expired; the source has another.
		return c.cfg.TokenSource == nil || !joined
	}
	return true
}

func read(ctx context.Context, ws *websocket.Conn) (Frame, error) {
	_, text, err := ws.Read(ctx)
	if err != nil {
		if websocket.CloseStatus(err) == refusal.CloseUnauthenticated {
			return Frame{}, unauthenticated("The token is bad or has expired.")
		}
		return Frame{}, err
	}
	var f Frame
	if err := json.Unmarshal(text, &f); err != nil {
		return Frame{}, fmt.Errorf("read frame: %w", err)
	}
	return f, nil
}

// ping ends a connection whose other end has vanished.
func ping(ctx context.Context, ws *websocket.Conn) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		answer, cancel := context.WithTimeout(ctx, pingEvery/2)
		err := ws.Ping(answer)
		cancel()
		if err != nil {
			_ = ws.CloseNow() // makes the reader fail, which connects again
			return
		}
	}
}
