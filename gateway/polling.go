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

	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/gateway/engineio"
)

// sessions serve the clients of Socket.IO. They know the connections that poll, by the id
// that their requests name. One that was upgraded is none of them.
type sessions struct {
	g    *Gateway
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
func (s *sessions) servePolling(w http.ResponseWriter, r *http.Request, id string) {
	if id == "" {
		s.openPolling(w, r)
		return
	}
	_, p := s.find(id)
	switch {
	case p == nil && engineio.TakePong(w, r):
	case p == nil:
		// Of another gateway, or one that has ended. The client connects again.
		s.refuse(w, engineio.CodeUnknownSession)
	case r.Method == http.MethodGet:
		p.Get(w, r)
	case r.Method == http.MethodPost:
		p.Post(w, r)
	default:
		s.refuse(w, engineio.CodeBadRequest)
	}
}

// openPolling begins a session, whose first packet answers the request.
func (s *sessions) openPolling(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		s.refuse(w, engineio.CodeBadMethod)
		return
	}
	if !s.g.reserve(w, r) {
		return
	}
	id := rand.Text()
	c := newConn(s.g, newSocketIODialect(r), s.g.addressOf(r))
	next := func() (text []byte, ok bool) {
		o, ok := c.queue.next()
		if o.text == nil {
			return nil, ok
		}
		s.g.counters.sent.Add(1)
		return c.dialect.stamp(c, o), ok
	}
	p := engineio.NewPolling(next, func() { c.close(websocket.StatusNormalClosure, "") }, readLimit, s.g.cfg.WriteTimeout)
	c.poll.Store(p)
	c.queue.whenFull = func() {
		if c.poll.Load() != nil { // nothing is written to a client that does not poll
			c.close(refusal.CloseTooSlow, tooSlow)
		}
	}
	s.add(id, c)
	enter(c)
	c.enqueueReply(s.openPacket(id, "websocket"))
	go func() {
		c.serve()
		s.remove(id)
	}()
	p.Get(w, r)
}

// upgrade lets a client that polls go over to a WebSocket.
func (s *sessions) upgrade(w http.ResponseWriter, r *http.Request, id string) {
	c, p := s.find(id)
	if p == nil {
		s.refuse(w, engineio.CodeUnknownSession)
		return
	}
	if !p.Probe() {
		s.refuse(w, engineio.CodeBadRequest)
		return
	}
	ws, ok := s.g.acceptSocket(w, r, security.FaceSocketIO)
	if !ok {
		p.StopProbe()
		return
	}
	if !c.start(func() { s.tryWebSocket(c, p, ws, id) }) {
		_ = ws.CloseNow() // the session has ended meanwhile
	}
}

// tryWebSocket goes over to a WebSocket once the client has found that it works. Until
// then the client polls. Everything else that it sends there ends the attempt only.
func (s *sessions) tryWebSocket(c *conn, p *engineio.Polling, ws *socket, id string) {
	ctx, cancel := context.WithTimeout(c.ctx, s.g.cfg.WriteTimeout)
	defer cancel()
	if !probe(ctx, p, ws) {
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
	s.remove(id)
	if urgent != nil {
		// Where this fails, so does whatever comes next.
		_ = ws.Write(ctx, websocket.MessageText, urgent)
	}
	c.queue.restart(func() { c.poll.Store(nil) })
}

// probe reports whether the client has tried a WebSocket and goes over to it.
func probe(ctx context.Context, p *engineio.Polling, ws *socket) bool {
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
func (s *sessions) allowPage(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin != "" && !mayOpen(r, origin, s.g.cfg.Origins) {
		s.g.countRefusal(reasonOrigin)
		noteOrigin(s.g, r, security.FaceSocketIO)
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
func mayOpen(r *http.Request, origin string, patterns []string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if strings.EqualFold(r.Host, u.Host) {
		return true
	}
	for _, pattern := range patterns {
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
