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
	readLimit    = 1 << 20 // bytes of a frame
	pingInterval = 30 * time.Second
)

// Watch yields the frames of a job after a sequence: first those of its history, then each
// one as it comes. It ends after the frame that the job ends with. Facts come once and in
// order, however often the connection breaks; of progress only the newest comes. If the
// server's log is recreated, the frames start over. An error is the last thing yielded.
// The end of ctx is no error.
func (c *Client) Watch(ctx context.Context, jobID string, after uint64) iter.Seq2[Frame, error] {
	// The history of a retried job has a failure that is not its end.
	return c.follow(ctx, jobID, after, func(p position) bool {
		return p.caughtUp && p.ended && !(c.cfg.Stay && p.retryable)
	})
}

// History yields the facts of a job so far, and ends.
func (c *Client) History(ctx context.Context, jobID string) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for f, err := range c.follow(ctx, jobID, 0, func(p position) bool { return p.caughtUp }) {
			if f.Seq == 0 && err == nil {
				continue // progress is not part of the history
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// follow yields frames until enough returns true.
func (c *Client) follow(
	ctx context.Context, jobID string, after uint64, enough func(position) bool,
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
			case f.isFinal(err):
				yield(Frame{}, err)
				return
			case c.cfg.outOfAttempts(failures):
				yield(Frame{}, fmt.Errorf("follow job: %d attempts failed: %w", failures, err))
				return
			}
			if websocket.CloseStatus(err) == refusal.CloseStreamReset {
				f.after = 0
			}
			if wait, told := toldWait(err); told && f.joined {
				sleep(ctx, wait)
			} else {
				c.cfg.wait(ctx, failures, DefaultBackoff)
			}
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// toldWait returns how long the gateway has asked to wait when it ended the connection.
func toldWait(err error) (wait time.Duration, told bool) {
	closed, ok := errors.AsType[websocket.CloseError](err)
	if !ok {
		return 0, false
	}
	return refusal.CloseWait(closed.Reason)
}

// isFinal reports whether another connection would meet the same error.
func (f *follower) isFinal(err error) bool {
	refused, ok := errors.AsType[*refusal.Error](err)
	switch {
	case !ok, refused.Code == refusal.CodeOverloaded:
		return false
	case refused.Code == refusal.CodeUnauthenticated:
		// A token that was accepted before has expired, and the source has another one.
		return f.c.cfg.TokenSource == nil || !f.joined
	}
	return true
}

func readFrame(ctx context.Context, ws *websocket.Conn) (Frame, error) {
	_, text, err := ws.Read(ctx)
	if err != nil {
		if websocket.CloseStatus(err) == refusal.CloseUnauthenticated {
			return Frame{}, refuseToken("The token is invalid or has expired.")
		}
		return Frame{}, err
	}
	var f Frame
	if err := json.Unmarshal(text, &f); err != nil {
		return Frame{}, fmt.Errorf("read frame: %w", err)
	}
	return f, nil
}

// keepAlive closes a connection whose other end does not answer pings.
func keepAlive(ctx context.Context, ws *websocket.Conn) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		answer, cancel := context.WithTimeout(ctx, pingInterval/2)
		err := ws.Ping(answer)
		cancel()
		if err != nil {
			_ = ws.CloseNow() // makes the reader fail, and then the client reconnects
			return
		}
	}
}
