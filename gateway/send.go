package gateway

import (
	"context"
	"encoding/json"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
)

const tooSlow = "too slow, resume" // with refusal.CloseTooSlow

// reply queues the reply to a request.
func (c *conn) reply(event string, data any, id json.RawMessage) {
	text, err := c.dialect.encodeReply(event, data, id)
	if err != nil {
		c.g.cfg.Logger.ErrorContext(c.ctx, "cannot encode a reply; the client gets none", "event", event, "err", err)
		return
	}
	c.enqueueReply(text)
}

// enqueueReply queues what only this client gets. Nil is nothing.
func (c *conn) enqueueReply(text []byte) {
	if text != nil && !c.queue.putReply(text) {
		c.g.counters.dropped.Add(1)
		c.queue.giveUp()
	}
}

// writeQueue sends what waits in the queue.
func (c *conn) writeQueue() {
	for {
		o, ok := c.queue.next()
		switch {
		case !ok:
			c.close(refusal.CloseTooSlow, tooSlow)
			return
		case o.text == nil:
			return // the queue starts another writeQueue when it has more
		}
		ws := c.ws.Load()
		ws.out.follows.Store(o.follows)
		ctx, cancel := context.WithTimeout(c.ctx, c.g.cfg.WriteTimeout)
		err := ws.Write(ctx, websocket.MessageText, c.dialect.stamp(c, o))
		cancel()
		if err != nil {
			c.cancel() // nothing more can be written, not even why
			return
		}
		c.g.counters.sent.Add(1)
	}
}

// ping asks whether the client is there, and arranges for the next ping.
func (c *conn) ping() {
	turns := c.turns.Load()
	ctx, cancel := context.WithTimeout(c.ctx, c.g.cfg.WriteTimeout)
	err := c.dialect.ping(ctx, c)
	cancel()
	// While a request is being handled nobody reads the answer.
	if busy := turns%2 == 1 || c.turns.Load() != turns; err != nil && !busy {
		c.close(refusal.ClosePingTimeout, "no answer to a ping")
		return
	}
	c.lifeMu.Lock()
	defer c.lifeMu.Unlock()
	if !c.ended {
		c.pinger.Reset(c.g.cfg.PingInterval)
	}
}
