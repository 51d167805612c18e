//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	rollcall "rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// client follows one job as its owner, over one connection after the other.
type client struct {
	f     *Fleet
	job   int // index into the fleet's jobs
	addr  string
	token string
	wire  wire
	// Of peers: where it is in what they call history, a session.
	place    *centrifugoPlace
	recovery *nodeSession

	mu         sync.Mutex
	seqs       []uint64  // of the facts received
	after      uint64    // the last of them
	arrivals   []Arrival // of the live facts
	live       bool      // it has read the history
	reconnects int
}

// wire is a connection to the gateway. One goroutine uses it.
type wire interface {
	send(ctx context.Context, event string, data map[string]any) error
	read(ctx context.Context) (frame, error)
	close()
}

// frame has what the bench needs of any frame.
type frame struct {
	Event string
	Seq   uint64
	Data  struct {
		Timestamp time.Time `json:"timestamp"`
		LastSeq   uint64    `json:"last_seq"`
		Message   string    `json:"message"`
	}
}

func (c *client) dial(ctx context.Context) (err error) {
	switch {
	case c.f.peer != nil:
		c.wire, err = c.f.peer.dial(ctx, c)
	case c.f.load.Transport != transportWebSocket:
		c.wire, err = dialSocketIO(ctx, c)
	default:
		c.wire, err = dialPlain(ctx, &c.f.dialer, c.addr, c.token)
	}
	return err
}

// connect dials and waits until the gateway answers a ping.
func (c *client) connect(ctx context.Context) error {
	if err := c.dial(ctx); err != nil {
		return err
	}
	if err := c.wire.send(ctx, "ping", nil); err != nil {
		return err
	}
	f, err := c.wire.read(ctx)
	if err == nil && f.Event != "pong" {
		err = fmt.Errorf("got %s instead of pong", f.Event)
	}
	return err
}

// follow subscribes and reads until ctx ends. It connects again whenever the connection
// ends: after the wait that the gateway has told, or as the Go client does.
func (c *client) follow(ctx context.Context) {
	for {
		closed, _ := errors.AsType[websocket.CloseError](c.session(ctx))
		wait, told := refusal.CloseWait(closed.Reason)
		c.wire.close()
		c.mu.Lock()
		c.live = false
		c.mu.Unlock()
		for attempt := 1; ; attempt++ {
			if !told || attempt > 1 {
				wait = rollcall.DefaultBackoff(attempt)
			}
			if sleepUntil(ctx, time.Now().Add(wait)) != nil {
				return
			}
			if c.dial(ctx) == nil {
				c.f.noteBack(attempt - 1)
				break
			}
		}
		c.mu.Lock()
		c.reconnects++
		c.mu.Unlock()
	}
}

// session follows the job over one connection until that ends.
func (c *client) session(ctx context.Context) error {
	subscription := map[string]any{"job_id": c.f.jobs[c.job].ID, "after": c.after}
	if c.f.peer != nil {
		subscription = map[string]any{"channel": c.f.jobs[c.job].Owner}
	}
	if err := c.wire.send(ctx, frames.EventSubscribe, subscription); err != nil {
		return err
	}
	acknowledged, last := false, uint64(0)
	for {
		f, err := c.wire.read(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		c.mu.Lock()
		switch {
		case f.Event == "ack":
			acknowledged, last = true, f.Data.LastSeq
		case acknowledged && f.Seq > 0: // what comes before the ack comes again
			c.seqs = append(c.seqs, f.Seq)
			if c.after = f.Seq; f.Seq > last {
				c.arrivals = append(c.arrivals, Arrival{c.job, f.Seq, f.Data.Timestamp, now})
			}
		}
		if !c.live && acknowledged && c.after >= last {
			c.live = true
			c.f.noteCaught(now)
		}
		c.mu.Unlock()
	}
}

// standing returns how many facts the client has received, and whether it has read the
// history.
func (c *client) standing() (facts int, live bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seqs), c.live
}

func (c *client) received() []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seqs)
}

// takeArrivals returns the arrivals since the last call.
func (c *client) takeArrivals() []Arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := c.arrivals
	c.arrivals = nil
	return came
}
