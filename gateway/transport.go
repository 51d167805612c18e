package gateway

import (
	"context"
	"errors"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/engineio"
)

// read returns what the client sends next, over whatever it uses now.
func (c *conn) read() (engineio.Packet, error) {
	if p := c.poll.Load(); p != nil {
		packet, err := p.Read(c.ctx)
		if !errors.Is(err, engineio.ErrUpgraded) {
			return packet, err
		}
	}
	kind, data, err := c.ws.Load().Read(c.ctx)
	return engineio.Packet{Data: data, Binary: kind != websocket.MessageText}, err
}

// startWriting has what waits in the queue sent.
func (c *conn) startWriting() {
	if p := c.poll.Load(); p != nil {
		p.Wake()
	} else {
		c.start(c.writeQueue)
	}
}

// takeForPoll takes out of the queue what a poll is answered with.
func (c *conn) takeForPoll() (text []byte, ok bool) {
	o, ok := c.queue.next()
	if o.text == nil {
		return nil, ok
	}
	c.g.counters.sent.Add(1)
	return c.dialect.stamp(c, o), ok
}

// writeFirst writes a packet before all that waits in the queue.
func (c *conn) writeFirst(ctx context.Context, text []byte) error {
	if p := c.poll.Load(); p != nil && p.SendFirst(text) {
		return nil
	}
	ws := c.ws.Load()
	if ws == nil {
		return engineio.ErrEnded
	}
	return ws.Write(ctx, websocket.MessageText, text)
}

// tellClose tells the client that the connection ends. A client that polls hears no code:
// it connects again, and is told then what must not be tried again.
func (c *conn) tellClose(code websocket.StatusCode, reason string) {
	if p := c.poll.Load(); p != nil && p.Close(comesBack(code)) {
		return
	}
	// The client may be gone or not reading; then it cannot be told.
	_ = c.ws.Load().Close(code, reason)
}

// closeNow lets go of the client. It does nothing where it was told before.
func (c *conn) closeNow() {
	if p := c.poll.Load(); p != nil {
		p.Close(true)
	}
	if ws := c.ws.Load(); ws != nil {
		_ = ws.CloseNow()
	}
}

// comesBack reports whether a client that is closed with a code should connect again as it
// is.
func comesBack(code websocket.StatusCode) bool {
	switch code {
	case refusal.CloseRestart, refusal.CloseTooSlow, refusal.ClosePingTimeout, refusal.CloseStreamReset:
		return true
	}
	return false
}
