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

	"rollcall.example/gateway/frames"
)

// client follows one job as its owner, over one connection after the other.
type client struct {
	b     *bench
	job   *job
	token string
	wire  wire
	// Of peers: where it is in what they call history, a session.
	place    *centrifugoPlace
	recovery *nodeSession

	mu         sync.Mutex
	seqs       []uint64  // of the facts received
	after      uint64    // the last of them
	arrivals   []arrival // of the live facts
	live       bool      // it has read the history
	reconnects int
}

// wire is a connection to the gateway. One goroutine uses it.
type wire interface {
	send(ctx context.Context, event string, data map[string]any) error
	read(ctx context.Context) (frame, error)
	close()
}

// arrival is when a fact was appended and when the client received it.
type arrival struct {
	seq      uint64
	from, to time.Time
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

func (c *client) dial(ctx context.Context) error {
	if c.b.peer != nil {
		w, err := c.b.peer.dial(ctx, c)
		if err == nil {
			c.wire = w
		}
		return err
	}
	if c.b.Transport != transportWebSocket {
		s, err := dialSocketIO(ctx, c.b, c.token)
		if err == nil {
			c.wire = s
		}
		return err
	}
	ws, _, err := websocket.Dial(ctx, "ws://"+c.b.addr+"/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + c.token}}})
	if err != nil {
		return err
	}
	c.wire = plain{ws}
	return nil
}

// plain is the WebSocket of /ws.
type plain struct{ ws *websocket.Conn }

func (p plain) close() { _ = p.ws.CloseNow() } // it has ended

func (p plain) send(ctx context.Context, event string, data map[string]any) error {
	text, err := json.Marshal(map[string]any{"event": event, "data": data, "id": 1})
	if err != nil {
		return err
	}
	return p.ws.Write(ctx, websocket.MessageText, text)
}

func (p plain) read(ctx context.Context) (f frame, err error) {
	_, text, err := p.ws.Read(ctx)
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
// ends.
func (c *client) follow(ctx context.Context) {
	for {
		c.session(ctx)
		c.wire.close()
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
		c.reconnects++
		c.live = false
		c.mu.Unlock()
	}
}

// session follows the job over one connection until that ends.
func (c *client) session(ctx context.Context) {
	subscription := map[string]any{"job_id": c.job.ID, "after": c.after}
	if c.b.peer != nil {
		subscription = map[string]any{"channel": c.job.owner.ID}
	}
	if c.wire.send(ctx, frames.EventSubscribe, subscription) != nil {
		return
	}
	acknowledged, last := false, uint64(0)
	for {
		f, err := c.wire.read(ctx)
		if err != nil {
			return
		}
		now := time.Now()
		c.mu.Lock()
		switch {
		case f.Event == "ack":
			acknowledged, last = true, f.Data.LastSeq
		case acknowledged && f.Seq > 0: // what comes before the ack comes again
			c.seqs = append(c.seqs, f.Seq)
			if c.after = f.Seq; f.Seq > last {
				c.arrivals = append(c.arrivals, arrival{f.Seq, f.Data.Timestamp, now})
			}
		}
		c.live = acknowledged && c.after >= last
		c.mu.Unlock()
	}
}

// hasFacts reports whether the client has received so many facts.
func (c *client) hasFacts(facts int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live && len(c.seqs) >= facts
}

func (c *client) received() []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seqs)
}

// takeArrivals returns the arrivals since the last call.
func (c *client) takeArrivals() []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := c.arrivals
	c.arrivals = nil
	return came
}
