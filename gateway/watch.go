package gateway

import (
	"context"
	"net/http"

	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/gateway/frames"
)

// addressOf is where a request comes from.
func (g *Gateway) addressOf(r *http.Request) string {
	return security.ClientAddress(r, g.cfg.TrustedProxies)
}

// noteRefusal tells who watches of a refusal, with what is known of the client.
func (g *Gateway) noteRefusal(
	ctx context.Context, face security.Face, refused *refusal.Error, known security.Refusal,
) {
	known.Face, known.Kind, known.Code = face, security.KindOf(refused), refused.Code
	g.cfg.Watch.Refused(ctx, known)
}

// noteRefusal tells who watches of a refused request of the connection. event and jobID
// are what the client has sent; an event that is none of ours is left out.
func (c *conn) noteRefusal(refused *refusal.Error, event, jobID string) {
	known := security.Refusal{Address: c.address, JobID: jobID}
	switch event {
	case frames.EventAuthenticate, frames.EventSubscribe, frames.EventUnsubscribe, "connect":
		known.Route = event
	}
	if who := c.user(); who != nil {
		known.User = who.claims.User
	}
	c.g.noteRefusal(c.ctx, c.dialect.face(), refused, known)
}
