//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// client follows one job as its owner, over one connection after the other.
type client struct {
	b     *bench
	job   *job
	token string
	ws    *websocket.Conn

	mu    sync.Mutex
	seqs  []uint64  // the facts it got
	after uint64    // the last of them
	came  []arrival // of those that came live
	live  bool      // the history has been read
	again int       // connections after the first
}

// arrival is when a fact was appended and when it came.
type arrival struct {
	seq      uint64
	from, to time.Time
}

type frame struct {
	Event string
	Seq   uint64
	Data  struct {
		JobID     string    `json:"job_id"`
		Timestamp time.Time `json:"timestamp"`
		LastSeq   uint64    `json:"last_seq"`
		Message   string    `json:"message"`
	}
}

func (c *client) dial(ctx context.Context) error {
	ws, _, err := websocket.Dial(ctx, "ws://"+c.b.addr+"/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + c.token}}})
	if err != nil {
		return err
	}
	c.ws = ws
	return nil
}

func (c *client) ask(ctx context.Context, event string, data map[string]any) error {
	text, err := json.Marshal(map[string]any{"event": event, "data": data, "id": 1})
	if err != nil {
		return err
	}
	return c.ws.Write(ctx, websocket.MessageText, text)
}

func (c *client) read(ctx context.Context) (f frame, err error) {
	_, text, err := c.ws.Read(ctx)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, err
	}
	if f.Event == "error" {
		err = fmt.Errorf("refused: %s", f.Data.Message)
	}
	return f, err
}

// arrive connects and waits until the gateway answers.
func (c *client) arrive(ctx context.Context) error {
	if err := c.dial(ctx); err != nil {
		return err
	}
	if err := c.ask(ctx, "ping", nil); err != nil {
		return err
	}
	f, err := c.read(ctx)
	if err == nil && f.Event != "pong" {
		err = fmt.Errorf("got %s instead of pong", f.Event)
	}
	return err
}

// follow subscribes and reads until ctx ends, and connects again whenever the
// connection does.
func (c *client) follow(ctx context.Context) {
	for {
		c.session(ctx)
		_ = c.ws.CloseNow() // it has ended
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(100+rand.IntN(900)) * time.Millisecond):
			}
			if c.dial(ctx) == nil {
				break
			}
		}
		c.mu.Lock()
		c.again++
		c.live = false
		c.mu.Unlock()
	}
}

// session follows the job over one connection, until that ends.
func (c *client) session(ctx context.Context) {
	if c.ask(ctx, "subscribe_bulk_upload_job", map[string]any{"job_id": c.job.ID, "after": c.after}) != nil {
		return
	}
	acknowledged, last := false, uint64(0)
	for {
		f, err := c.read(ctx)
		if err != nil {
			return
		}
		now := time.Now()
		c.mu.Lock()
		switch {
		case f.Event == "ack":
			acknowledged, last = true, f.Data.LastSeq
		case acknowledged && f.Seq > 0: // what came before comes again
			c.seqs = append(c.seqs, f.Seq)
			if c.after = f.Seq; f.Seq > last {
				c.came = append(c.came, arrival{f.Seq, f.Data.Timestamp, now})
			}
		}
		c.live = acknowledged && c.after >= last
		c.mu.Unlock()
	}
}

// has reports whether the client got as many facts.
func (c *client) has(facts int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live && len(c.seqs) >= facts
}

func (c *client) got() []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seqs)
}

// arrivals hands over those since the last call.
func (c *client) arrivals() []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := c.came
	c.came = nil
	return came
}
