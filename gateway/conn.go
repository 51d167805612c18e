package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/gateway/auth"
)

// conn is one client.
type conn struct {
	g    *Gateway
	ws   *websocket.Conn
	talk dialect
	q    *queue

	ctx  context.Context // ends when the connection has
	cut  context.CancelFunc
	once sync.Once

	// Only reading has a goroutine all the time; writing and pinging have one
	// while there is something to do.
	life   sync.Mutex
	over   bool // no more of them
	work   sync.WaitGroup
	pinger *time.Timer

	// turns counts the beginnings and ends of handling a frame: it is odd while
	// one is handled.
	turns atomic.Uint64

	mu     sync.Mutex
	claims *auth.Claims // nil until a token was shown
	expiry *time.Timer
	subs   map[string]*subscription
}

func newConn(g *Gateway, ws *websocket.Conn, talk dialect) *conn {
	c := &conn{g: g, ws: ws, talk: talk, subs: map[string]*subscription{}}
	c.q = newQueue(g.cfg.Queue, talk.kind(), func() { c.start(c.write) })
	c.ctx, c.cut = context.WithCancel(context.Background())
	c.expiry = time.AfterFunc(g.cfg.AuthTimeout, c.expire)
	g.hub.arrive(c)
	if !g.isOpen() {
		// closeAll may have looked for connections before this one was there.
		c.fail(CloseRestart, "service restart")
	}
	return c
}

// serve works for the client until the connection ends.
func (c *conn) serve() {
	defer c.g.conns.Done()
	defer c.end()
	c.life.Lock()
	c.pinger = time.AfterFunc(c.g.cfg.PingEvery, func() { c.start(c.ping) })
	c.life.Unlock()
	c.read()
	c.mu.Lock()
	c.expiry.Stop()
	user, jobs := "", slices.Collect(maps.Keys(c.subs))
	if c.claims != nil {
		user = c.claims.ID
	}
	c.mu.Unlock()
	c.g.hub.gone(c, user, jobs)
	_ = c.ws.CloseNow() // without effect when it was closed from here
}

// start does some work beside the reading, if the connection has not ended.
func (c *conn) start(work func()) {
	c.life.Lock()
	defer c.life.Unlock()
	if !c.over {
		c.work.Go(work)
	}
}

// end waits for what start has started.
func (c *conn) end() {
	c.cut()
	c.life.Lock()
	c.over = true
	c.pinger.Stop()
	c.life.Unlock()
	c.work.Wait()
}

// fail closes the connection with a code that tells the client what to do.
func (c *conn) fail(code websocket.StatusCode, reason string) {
	c.once.Do(func() {
		go func() {
			// The client may be gone or deaf; then it cannot be told.
			_ = c.ws.Close(code, reason)
			c.cut()
		}()
	})
}

func (c *conn) expire() {
	c.fail(CloseUnauthenticated, "token missing or expired")
}

// admit lets a user in, or prolongs the stay of one.
func (c *conn) admit(claims auth.Claims) {
	c.mu.Lock()
	first := c.claims == nil
	c.claims = &claims
	c.expiry.Stop()
	c.expiry = time.AfterFunc(claims.Expires.Sub(c.g.cfg.Now()), c.expire)
	c.mu.Unlock()
	if first {
		c.g.hub.enter(c, claims.ID)
	}
}

func (c *conn) user() *auth.Claims {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims
}

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
			var refused *refusal
			if !errors.As(err, &refused) {
				c.g.cfg.Logger.Warn("history not read", "err", err)
				refused = refuse(codeOverloaded, "This cannot be done at the moment. Please try again.")
			}
			c.send(EventError, refused, in.ID)
		}
	}
}

func (c *conn) handle(in incoming) error {
	if in.Event == eventPing {
		c.send(EventPong, struct{}{}, in.ID)
		return nil
	}
	if in.Event == eventAuthenticate {
		return c.authenticate(in)
	}
	claims := c.user()
	if claims == nil {
		return refuse(codeUnauthenticated, "Send an authenticate frame with a token first.")
	}
	var data struct {
		JobID string `json:"job_id"`
		After uint64 `json:"after"`
	}
	switch in.Event {
	case eventSubscribe, eventUnsubscribe:
		if err := json.Unmarshal(in.Data, &data); err != nil || data.JobID == "" {
			return refuse(codeBadRequest, "The data must have a job_id.")
		}
	default:
		return refuse(codeBadRequest, "There is no such event.")
	}
	if in.Event == eventUnsubscribe {
		c.unsubscribe(data.JobID)
		c.send(EventAck, map[string]any{"job_id": data.JobID}, in.ID)
		return nil
	}
	return c.subscribe(data.JobID, data.After, claims, in.ID)
}

func (c *conn) authenticate(in incoming) error {
	var data struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(in.Data, &data); err != nil {
		return refuse(codeBadRequest, "The data must have a token.")
	}
	claims, err := c.g.cfg.Verifier.Verify(data.Token)
	if err != nil {
		message, _ := unauthenticated(err)
		return refuse(codeUnauthenticated, message)
	}
	if old := c.user(); old != nil && (old.ID != claims.ID || old.Role != claims.Role) {
		return refuse(codeForbidden, "The token is of another user or role. Please open another connection for it.")
	}
	c.admit(claims)
	c.send(EventAck, map[string]any{"user_id": claims.ID, "expires": claims.Expires}, in.ID)
	return nil
}

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
		c.q.overflow()
	}
}

// write sends what the queue has.
func (c *conn) write() {
	for {
		text, ok := c.q.take()
		switch {
		case !ok:
			c.fail(CloseSlow, "too slow, resume")
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
		c.fail(CloseGone, "no answer to a ping")
		return
	}
	c.life.Lock()
	defer c.life.Unlock()
	if !c.over {
		c.pinger.Reset(c.g.cfg.PingEvery)
	}
}
