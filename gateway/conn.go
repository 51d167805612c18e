package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
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
	away sync.Once // it is turned away for one reason

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
	c.q = newQueue(g.cfg.Queue, talk.kind(), &g.sums, func() { c.start(c.write) })
	c.ctx, c.cut = context.WithCancel(context.Background())
	c.expiry = time.AfterFunc(g.cfg.AuthTimeout, c.expire)
	g.hub.arrive(c)
	if !g.isOpen() {
		// closeAll may have looked for connections before this one was there.
		c.fail(refusal.CloseRestart, "service restart")
	}
	return c
}

// serve works for the client until the connection ends.
func (c *conn) serve() {
	defer c.g.end()
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

// turnAway counts a connection that is not let in.
func (c *conn) turnAway(why away) {
	if c.user() == nil {
		c.away.Do(func() { c.g.turnAway(why) })
	}
}

func (c *conn) expire() {
	c.turnAway(awayToken)
	c.fail(refusal.CloseUnauthenticated, "token missing or expired")
}

// admit lets a user in, or prolongs the stay of one. One who has too many
// connections is told to leave, and false.
func (c *conn) admit(claims auth.Claims) bool {
	if c.user() == nil && !c.g.hub.enter(c, claims.ID, c.g.cfg.UserConnections) {
		c.turnAway(awayUser)
		c.fail(refusal.CloseTooManyConnections, "too many connections")
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims = &claims
	c.expiry.Stop()
	c.expiry = time.AfterFunc(claims.Expires.Sub(c.g.cfg.Now()), c.expire)
	return true
}

func (c *conn) user() *auth.Claims {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims
}
