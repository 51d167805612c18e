package gateway

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"rollcall.example/events/security"
	"rollcall.example/gateway/engineio"
)

// sessions are the connections that poll, by the id that their requests name. One that
// was upgraded is none of them.
type sessions struct {
	mu   sync.Mutex
	byID map[string]*conn
}

func (s *sessions) add(id string, c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[id] = c
}

func (s *sessions) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// find returns a session that polls, nil where there is none.
func (s *sessions) find(id string) (*conn, *engineio.Polling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byID[id]
	if c == nil {
		return nil, nil
	}
	p := c.poll.Load()
	if p == nil || p.Ended() {
		return nil, nil
	}
	return c, p
}

// servePolling answers a request of a client that polls.
func (g *Gateway) servePolling(w http.ResponseWriter, r *http.Request, id string) {
	if id == "" {
		g.openPolling(w, r)
		return
	}
	_, p := g.sessions.find(id)
	switch {
	case p == nil:
		// Of another gateway, or one that has ended. The client connects again.
		g.refuseHandshake(w, engineio.CodeUnknownSession)
	case r.Method == http.MethodGet:
		p.Get(w, r)
	case r.Method == http.MethodPost:
		p.Post(w, r)
	default:
		g.refuseHandshake(w, engineio.CodeBadRequest)
	}
}

// openPolling begins a session, whose first packet answers the request.
func (g *Gateway) openPolling(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		g.refuseHandshake(w, engineio.CodeBadMethod)
		return
	}
	if !g.reserve(w, r) {
		return
	}
	id := rand.Text()
	c := newConn(g, newSocketIODialect(r), g.addressOf(r))
	p := engineio.NewPolling(c.takeForPoll, func() { c.close(websocket.StatusNormalClosure, "") },
		readLimit, g.cfg.WriteTimeout)
	c.poll.Store(p)
	g.sessions.add(id, c)
	c.enter()
	c.enqueueReply(g.openPacket(id, "websocket"))
	go func() {
		c.serve()
		g.sessions.remove(id)
	}()
	p.Get(w, r)
}

// upgrade lets a client that polls go over to a WebSocket.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request, id string) {
	c, p := g.sessions.find(id)
	if p == nil {
		g.refuseHandshake(w, engineio.CodeUnknownSession)
		return
	}
	if !p.Probe() {
		g.refuseHandshake(w, engineio.CodeBadRequest)
		return
	}
	ws, ok := g.acceptSocket(w, r, security.FaceSocketIO)
	if !ok {
		p.StopProbe()
		return
	}
	if !c.start(func() { c.tryWebSocket(p, ws, id) }) {
		_ = ws.CloseNow() // the session has ended meanwhile
	}
}

// tryWebSocket goes over to a WebSocket once the client has found that it works. Until
// then the client polls. Everything else that it sends there ends the attempt only.
func (c *conn) tryWebSocket(p *engineio.Polling, ws *websocket.Conn, id string) {
	ctx, cancel := context.WithTimeout(c.ctx, c.g.cfg.WriteTimeout)
	defer cancel()
	if !c.probe(ctx, p, ws) {
		p.StopProbe() // first: once the WebSocket is closed, the client may try another
		_ = ws.CloseNow()
		return
	}
	c.ws.Store(ws)
	urgent, ok := p.Upgrade()
	if !ok {
		_ = ws.CloseNow() // the session has ended meanwhile
		return
	}
	c.g.sessions.remove(id)
	if urgent != nil {
		// Where this fails, so does whatever comes next.
		_ = ws.Write(ctx, websocket.MessageText, urgent)
	}
	c.queue.restart(func() { c.poll.Store(nil) })
}

// probe reports whether the client has tried a WebSocket and goes over to it.
func (c *conn) probe(ctx context.Context, p *engineio.Polling, ws *websocket.Conn) bool {
	_, text, err := ws.Read(ctx)
	if err != nil || string(text) != engineio.Probe {
		return false
	}
	if err := ws.Write(ctx, websocket.MessageText, []byte(engineio.ProbeAnswer)); err != nil {
		return false
	}
	p.Wake()
	_, text, err = ws.Read(ctx)
	return err == nil && string(text) == string(engineio.TypeUpgrade)
}

// allowPage answers for the origin of a polling request, as the acceptance of a
// WebSocket does. It reports whether the request goes on.
func (g *Gateway) allowPage(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin != "" && !g.mayOpen(r, origin) {
		g.countRefusal(reasonOrigin)
		g.noteOrigin(r, security.FaceSocketIO)
		engineio.Refuse(w, engineio.CodeForbidden)
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method != http.MethodOptions {
		return true
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return false
}

// mayOpen reports whether the pages of an origin may connect.
func (g *Gateway) mayOpen(r *http.Request, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(r.Host, u.Host) {
		return true
	}
	for _, pattern := range g.cfg.Origins {
		target := u.Host
		if strings.Contains(pattern, "://") {
			target = u.Scheme + "://" + u.Host
		}
		if ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(target)); err == nil && ok {
			return true
		}
	}
	return false
}
