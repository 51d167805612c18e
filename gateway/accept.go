package gateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/auth"
)

// When to come back: who has too many connections, and who found no live feed.
const (
	crowdedRetry = 10 * time.Second
	feedRetry    = time.Second
)

// ServeHTTP opens a WebSocket. A token may come in the Authorization header or,
// from a browser, as the subprotocol bearer.TOKEN; else as the first frame.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claims, known, err := g.claims(r)
	if err != nil {
		g.turnAway(awayToken)
		g.refuse(w, unauthenticated(err))
		return
	}
	if known && g.hub.crowded(claims.ID, g.cfg.UserConnections) {
		g.turnAway(awayUser)
		g.refuse(w, &refusal.Error{Code: refusal.CodeTooManyConnections, Message: "You have too many connections. Please close some of them.",
			Details: map[string]any{"limit": g.cfg.UserConnections}, RetryAfter: crowdedRetry})
		return
	}
	ws, ok := g.accept(w, r, subprotocol)
	if !ok {
		return
	}
	c := newConn(g, ws, plain{})
	if known {
		c.admit(claims)
	}
	go c.serve() // the request, which is large, is done with
}

// accept makes a WebSocket of a request, where it is ok, and counts it until it
// has been served.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request, protocols ...string) (ws *websocket.Conn, ok bool) {
	if why, ok := g.begin(); !ok {
		g.turnAway(why)
		g.refuse(w, &refusal.Error{Code: refusal.CodeOverloaded, Message: "The live feed cannot be reached at the moment. Please try again.",
			RetryAfter: feedRetry})
		return nil, false
	}
	answer := &smallBuffers{ResponseWriter: w}
	ws, err := websocket.Accept(answer, r, &websocket.AcceptOptions{Subprotocols: protocols, OriginPatterns: g.cfg.Origins})
	if err != nil {
		g.end()
		why := awayHandshake
		if answer.status == http.StatusForbidden {
			why = awayOrigin
		}
		g.turnAway(why)
		g.cfg.Logger.Debug("websocket refused", "err", err)
		return nil, false // Accept has answered
	}
	ws.SetReadLimit(readLimit)
	return ws, true
}

// begin counts a connection, which closeAll waits for, or says why there is none:
// it is too early or too late, or one too many.
func (g *Gateway) begin() (why away, ok bool) {
	if g.Ready() != nil {
		return awayFeed, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.open:
		return awayFeed, false
	case g.count == g.cfg.Connections:
		return awayFull, false
	}
	g.count++
	g.conns.Add(1)
	return 0, true
}

// end takes back one begin.
func (g *Gateway) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count--
	g.conns.Done()
}

func (g *Gateway) claims(r *http.Request) (claims auth.Claims, known bool, err error) {
	token := ""
	if r.Header.Get("Authorization") != "" {
		if token, err = auth.FromRequest(r); err != nil {
			return claims, false, err
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
			return claims, false, nil
		}
	}
	claims, err = g.cfg.Verifier.Verify(token)
	return claims, err == nil, err
}

// unauthenticated is the refusal of a token.
func unauthenticated(err error) *refusal.Error {
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		return refused
	}
	return auth.Refuse(auth.ReasonInvalid, "The token is not valid.", err)
}

// refuse answers a request that does not become a WebSocket as the REST API does.
func (g *Gateway) refuse(w http.ResponseWriter, refused *refusal.Error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := refused.Write(w, g.cfg.Now()); err != nil {
		g.cfg.Logger.Debug("refusal not sent", "err", err)
	}
}
