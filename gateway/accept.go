package gateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/gateway/auth"
)

// How long a refused client should wait: one whose user has too many connections, and
// one that found no live feed or a full gateway.
const (
	userRetry = 10 * time.Second
	feedRetry = time.Second
)

// ServeHTTP opens a WebSocket. A token may come in the Authorization header or,
// from a browser, as the subprotocol bearer.TOKEN; else as the first frame.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, known, err := g.verifyRequest(r)
	if err != nil {
		g.countRefusal(reasonToken)
		refused := refuseToken(err)
		g.noteRefusal(r.Context(), security.FaceWebSocket, refused, security.Refusal{Address: g.addressOf(r)})
		g.refuse(w, r, refused)
		return
	}
	if known && g.hub.userIsFull(who.claims.ID, g.cfg.UserConnections) {
		g.countRefusal(reasonUser)
		refused := &refusal.Error{Code: refusal.CodeTooManyConnections, RetryAfter: userRetry,
			Message: "You have too many connections. Please close some of them.",
			Details: map[string]any{"limit": g.cfg.UserConnections}}
		g.noteRefusal(r.Context(), security.FaceWebSocket, refused,
			security.Refusal{User: who.claims.User, Address: g.addressOf(r)})
		g.refuse(w, r, refused)
		return
	}
	ws, ok := g.accept(w, r, security.FaceWebSocket, subprotocol)
	if !ok {
		return
	}
	c := newConn(g, plainDialect{}, g.addressOf(r))
	c.ws.Store(ws)
	enter(c)
	if known {
		c.admit(who)
	}
	go c.serve() // a goroutine of its own lets go of the request, which is large
}

// accept upgrades a request to a WebSocket, or refuses it. An accepted one is counted
// until serve has ended.
func (g *Gateway) accept(
	w http.ResponseWriter, r *http.Request, face security.Face, protocols ...string,
) (ws *socket, ok bool) {
	if !g.reserve(w, r) {
		return nil, false
	}
	if ws, ok = g.acceptSocket(w, r, face, protocols...); !ok {
		g.release()
	}
	return ws, ok
}

// acceptSocket is accept for a connection that is counted already.
func (g *Gateway) acceptSocket(
	w http.ResponseWriter, r *http.Request, face security.Face, protocols ...string,
) (ws *socket, ok bool) {
	answer := &smallBuffers{ResponseWriter: w}
	options := &websocket.AcceptOptions{Subprotocols: protocols, OriginPatterns: g.cfg.Origins}
	accepted, err := websocket.Accept(answer, r, options)
	if err != nil {
		why := reasonHandshake
		if answer.status == http.StatusForbidden {
			why = reasonOrigin
			noteOrigin(g, r, face)
		}
		g.countRefusal(why)
		g.cfg.Logger.DebugContext(r.Context(), "websocket handshake failed", "err", err)
		return nil, false // Accept has answered
	}
	accepted.SetReadLimit(readLimit)
	return &socket{accepted, answer.out}, true
}

// noteOrigin tells who watches of a page that may not connect.
func noteOrigin(g *Gateway, r *http.Request, face security.Face) {
	g.cfg.Watch.Refused(r.Context(), security.Refusal{
		Face: face, Kind: security.KindForbidden, Code: reasonNames[reasonOrigin], Address: g.addressOf(r),
	})
}

// reserve counts a connection until release, or refuses it.
func (g *Gateway) reserve(w http.ResponseWriter, r *http.Request) bool {
	why, ok := takePlace(g)
	if !ok {
		g.countRefusal(why)
		g.refuse(w, r, &refusal.Error{Code: refusal.CodeOverloaded, RetryAfter: feedRetry,
			Message: "The live feed cannot be reached at the moment. Please try again."})
	}
	return ok
}

// takePlace counts a connection, which closeAll waits for. Not ok means that there must
// be none now: the feed is down, the gateway ends or it is full.
func takePlace(g *Gateway) (why reason, ok bool) {
	if g.Ready() != nil {
		return reasonFeed, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.open:
		return reasonFeed, false
	case g.count == g.cfg.Connections:
		return reasonFull, false
	}
	g.count++
	g.conns.Add(1)
	return 0, true
}

// release undoes one takePlace.
func (g *Gateway) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count--
	g.conns.Done()
}

// verifyRequest checks the token of a request. Known is false for a request without
// one, which is no error.
func (g *Gateway) verifyRequest(r *http.Request) (who visitor, known bool, err error) {
	token := ""
	if r.Header.Get("Authorization") != "" {
		if token, err = auth.TokenFromRequest(r); err != nil {
			return who, false, err
		}
	} else {
		for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
			for p := range strings.SplitSeq(header, ",") {
				if t, ok := strings.CutPrefix(strings.TrimSpace(p), bearerProtocol); ok {
					token = t
				}
			}
		}
		if token == "" {
			return who, false, nil
		}
	}
	who, err = g.identify(token)
	return who, err == nil, err
}

// refuseToken returns the refusal that the verifier's error is. One that says nothing about
// the token is what sockets call overloaded.
func refuseToken(err error) *refusal.Error {
	refused, ok := errors.AsType[*refusal.Error](err)
	switch {
	case !ok:
		return auth.Refuse(auth.ReasonInvalid, "The token is not valid.", err)
	case refused.Code == refusal.CodeUnavailable:
		other := *refused
		other.Code = refusal.CodeOverloaded
		return &other
	}
	return refused
}

// refuse answers a request that does not become a WebSocket as the REST API does. The
// server in front sets the headers that every answer has.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, refused *refusal.Error) {
	if err := refused.Write(w, g.cfg.Now()); err != nil {
		g.cfg.Logger.DebugContext(r.Context(), "refusal not sent", "code", refused.Code, "err", err)
	}
}
