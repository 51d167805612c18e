package gateway

import (
	"encoding/json"
	"errors"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/frames"
)

// read handles what the client asks for, one after the other, until the
// connection ends.
func (c *conn) read() {
	for {
		kind, text, err := c.ws.Read(c.ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			c.fail(websocket.StatusUnsupportedData, "text frames only")
			continue
		}
		in, ok := c.talk.hear(c, text)
		if !ok {
			continue
		}
		c.turns.Add(1)
		err = c.handle(in)
		c.turns.Add(1)
		if err != nil {
			refused, ok := errors.AsType[*refusal.Error](err)
			if !ok {
				c.g.cfg.Logger.Warn("history not read", "err", err)
				refused = refusal.New(refusal.CodeOverloaded, "This cannot be done at the moment. Please try again.")
			}
			c.send(frames.EventError, refused.Frame(), in.ID)
		}
	}
}

func (c *conn) handle(in incoming) error {
	if in.Event == frames.EventPing {
		c.send(frames.EventPong, struct{}{}, in.ID)
		return nil
	}
	if in.Event == frames.EventAuthenticate {
		return c.authenticate(in)
	}
	claims := c.user()
	if claims == nil {
		return refusal.New(refusal.CodeUnauthenticated, "Send an authenticate frame with a token first.")
	}
	var data frames.Subscribe
	switch in.Event {
	case frames.EventSubscribe, frames.EventUnsubscribe:
		if err := json.Unmarshal(in.Data, &data); err != nil || data.JobID == "" {
			return refusal.New(refusal.CodeBadRequest, "The data must have a job_id.")
		}
	default:
		return refusal.New(refusal.CodeBadRequest, "There is no such event.")
	}
	if in.Event == frames.EventUnsubscribe {
		c.unsubscribe(data.JobID)
		c.send(frames.EventAck, frames.Ack{JobID: data.JobID}, in.ID)
		return nil
	}
	return c.subscribe(data.JobID, data.After, claims, in.ID)
}

func (c *conn) authenticate(in incoming) error {
	var data frames.Authenticate
	if err := json.Unmarshal(in.Data, &data); err != nil {
		return refusal.New(refusal.CodeBadRequest, "The data must have a token.")
	}
	claims, err := c.g.cfg.Verifier.Verify(data.Token)
	if err != nil {
		c.turnAway(awayToken)
		return unauthenticated(err)
	}
	if old := c.user(); old != nil && (old.ID != claims.ID || old.Role != claims.Role) {
		return refusal.New(refusal.CodeForbidden, "The token is of another user or role. Please open another connection for it.")
	}
	if !c.admit(claims) {
		return nil // the connection ends
	}
	c.send(frames.EventAck, frames.Ack{UserID: claims.ID, Expires: claims.Expires}, in.ID)
	return nil
}
