package gateway

import (
	"context"
	"encoding/json"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
)

// send answers a request of the client.
func (c *conn) send(event string, data any, id json.RawMessage) {
	text, err := c.talk.answer(event, data, id)
	if err != nil {
		c.g.cfg.Logger.Error("answer left out", "event", event, "err", err)
		return
	}
	c.answer(text)
}

// answer queues what only this client gets; nil is nothing.
func (c *conn) answer(text []byte) {
	if text != nil && !c.q.answer(text) {
		c.g.sums.dropped.Add(1)
		c.q.overflow()
	}
}

// write sends what the queue has.
func (c *conn) write() {
	for {
		text, ok := c.q.take()
		switch {
		case !ok:
			c.fail(refusal.CloseTooSlow, "too slow, resume")
			return
		case text == nil:
			return // the queue starts another when it has more
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.g.cfg.WriteTimeout)
		err := c.ws.Write(ctx, websocket.MessageText, text)
		cancel()
		if err != nil {
			c.cut() // nothing more can be written, so nothing is left to be said
			return
		}
		c.g.sums.sent.Add(1)
	}
}

// ping asks whether the client is there, and sees to it that it is asked again.
func (c *conn) ping() {
	turns := c.turns.Load()
	ctx, cancel := context.WithTimeout(c.ctx, c.g.cfg.WriteTimeout)
	err := c.talk.ping(ctx, c.ws)
	cancel()
	// While a frame is handled nobody reads the answer.
	if busy := turns%2 == 1 || c.turns.Load() != turns; err != nil && !busy {
		c.fail(refusal.ClosePingTimeout, "no answer to a ping")
		return
	}
	c.life.Lock()
	defer c.life.Unlock()
	if !c.over {
		c.pinger.Reset(c.g.cfg.PingEvery)
	}
}
