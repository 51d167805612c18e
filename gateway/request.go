package gateway

import (
	"encoding/json"
	"errors"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/engineio"
	"rollcall.example/gateway/frames"
)

// readRequests handles the client's requests, one after the other, until the connection
// ends.
func (c *conn) readRequests() {
	for {
		packet, err := c.read(c.ctx)
		if err != nil {
			return
		}
		// On a stack of its own: that of a goroutine that waits for a client stays half as
		// large, and most clients say nothing most of the time.
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			answer(c, packet)
		}()
		<-answered
	}
}

// answer handles one request.
func answer(c *conn, packet engineio.Packet) {
	in, ok := c.dialect.receive(c, packet)
	if !ok {
		return
	}
	c.turns.Add(1)
	err := c.handle(in)
	c.turns.Add(1)
	if err != nil {
		c.refuse(in, err)
	}
}

// refuse replies to a request that was not carried out.
func (c *conn) refuse(in request, err error) {
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok {
		if c.ctx.Err() == nil {
			c.g.cfg.Logger.WarnContext(c.ctx, "cannot serve a client's request", "event", in.Event, "err", err)
		}
		refused = refusal.New(refusal.CodeOverloaded, "This cannot be done at the moment. Please try again.")
	}
	var data frames.Subscribe
	_ = json.Unmarshal(in.Data, &data) // a request without a job has none to note
	c.noteRefusal(refused, in.Event, data.JobID)
	c.reply(frames.EventError, refused.Frame(), in.ID)
}

// handle carries out a request. The error is a *refusal.Error for one that the client
// must not repeat as it is.
func (c *conn) handle(in request) error {
	if in.Event == frames.EventPing {
		c.reply(frames.EventPong, struct{}{}, in.ID)
		return nil
	}
	if in.Event == frames.EventAuthenticate {
		return c.authenticate(in)
	}
	who := c.user()
	if who == nil {
		return refusal.New(refusal.CodeUnauthenticated, "Send an authenticate frame with a token first.")
	}
	var data struct {
		JobID string  `json:"job_id"`
		After *uint64 `json:"after"`
	}
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
		c.reply(frames.EventAck, frames.Ack{JobID: data.JobID}, in.ID)
		return nil
	}
	return c.subscribe(data.JobID, data.After, who, in.ID)
}

func (c *conn) authenticate(in request) error {
	var data frames.Authenticate
	if err := json.Unmarshal(in.Data, &data); err != nil {
		return refusal.New(refusal.CodeBadRequest, "The data must have a token.")
	}
	who, err := c.g.identify(data.Token)
	if err != nil {
		c.countRefusal(reasonToken)
		return refuseToken(err)
	}
	if old := c.user(); old != nil && !old.sameAs(who) {
		return refusal.New(refusal.CodeForbidden,
			"The token is of another user, role or area. Please open another connection for it.")
	}
	if !c.admit(who) {
		return nil // admit has closed the connection
	}
	c.reply(frames.EventAck, frames.Ack{UserID: who.claims.ID, Expires: who.claims.Expires}, in.ID)
	return nil
}
