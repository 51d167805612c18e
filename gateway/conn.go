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
	"rollcall.example/events/security"
)

// conn is the connection of one client.
type conn struct {
	g *Gateway
	link
	dialect dialect
	queue   *queue
	address string // where the client is

	ctx        context.Context // ends with the connection
	cancel     context.CancelFunc
	closeOnce  sync.Once
	refuseOnce sync.Once // a connection is counted as refused at most once

	// Only reading has a goroutine all the time. Writing and pinging have one while
	// there is something to do.
	lifeMu sync.Mutex
	ended  bool // no more tasks are started
	tasks  sync.WaitGroup
	pinger *time.Timer

	// turns is incremented before and after each request is handled: it is odd while
	// one is being handled.
	turns atomic.Uint64

	mu     sync.Mutex
	who    *visitor // nil until the client has shown a good token
	expiry *time.Timer
	subs   map[string]*subscription
}

// newConn returns a connection that has nothing to read from yet: a WebSocket or polling.
func newConn(g *Gateway, d dialect, address string) *conn {
	c := &conn{g: g, dialect: d, address: address, subs: map[string]*subscription{}}
	c.queue = newQueue(g.cfg.Queue, d.kind(), &g.counters, func() {
		if !c.wakePoll() {
			c.start(c.writeQueue)
		}
	})
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// enter makes a connection one of the gateway's.
func enter(c *conn) {
	g := c.g
	c.mu.Lock()
	c.expiry = time.AfterFunc(g.cfg.AuthTimeout, c.expire)
	c.mu.Unlock()
	g.hub.add(c)
	if !g.isOpen() {
		// closeAll may have listed the connections before this one was added.
		c.close(refusal.CloseRestart, "service restart")
	}
}

// serve handles the client's requests until the connection ends.
func (c *conn) serve() {
	defer c.g.release()
	defer c.end()
	c.lifeMu.Lock()
	c.pinger = time.AfterFunc(c.g.cfg.PingInterval, func() { c.start(c.ping) })
	c.lifeMu.Unlock()
	c.readRequests()
	c.mu.Lock()
	c.expiry.Stop()
	user, jobs := "", slices.Collect(maps.Keys(c.subs))
	if c.who != nil {
		user = c.who.claims.ID
	}
	c.mu.Unlock()
	c.g.hub.remove(c, user, jobs)
	c.closeNow()
}

// start runs a task beside the reading, unless the connection has ended.
func (c *conn) start(task func()) (started bool) {
	c.lifeMu.Lock()
	defer c.lifeMu.Unlock()
	if !c.ended {
		c.tasks.Go(task)
	}
	return !c.ended
}

// end waits for the tasks that start has started.
func (c *conn) end() {
	c.cancel()
	c.lifeMu.Lock()
	c.ended = true
	c.pinger.Stop()
	c.lifeMu.Unlock()
	c.tasks.Wait()
}

// close ends the connection with a code that tells the client what to do. It does not
// wait, and only the first call counts.
func (c *conn) close(code websocket.StatusCode, reason string) {
	closeSaying(c, code, func() string { return reason })
}

// closeSaying is close with a reason that is known once the client is told.
func closeSaying(c *conn, code websocket.StatusCode, reason func() string) {
	c.closeOnce.Do(func() {
		go func() {
			c.tellClose(code, reason())
			c.cancel()
		}()
	})
}

// closeFor ends the connection because of a refusal.
func (c *conn) closeFor(code, reason string) {
	c.close(websocket.StatusCode(refusal.CloseCode(code)), reason)
}

// countRefusal counts a connection that was never let in.
func (c *conn) countRefusal(why reason) {
	if c.user() == nil {
		c.refuseOnce.Do(func() { c.g.countRefusal(why) })
	}
}

// expire ends a connection whose token is missing or no longer good.
func (c *conn) expire() {
	c.countRefusal(reasonToken)
	if c.user() == nil {
		c.noteRefusal(refusal.New(refusal.CodeUnauthenticated, ""), "", "")
	}
	c.closeFor(refusal.CodeUnauthenticated, "token missing or expired")
}

// admit signs a user in, or extends the session of one who is. Where the user has too
// many connections already, or the token was revoked just now, it closes this one and
// returns false.
func (c *conn) admit(who visitor) bool {
	if c.user() == nil && !c.g.hub.joinUser(c, who.claims.ID, c.g.cfg.UserConnections) {
		c.countRefusal(reasonUser)
		c.g.noteRefusal(c.ctx, c.dialect.face(), refusal.New(refusal.CodeTooManyConnections, ""),
			security.Refusal{User: who.claims.User, Address: c.address})
		c.closeFor(refusal.CodeTooManyConnections, "too many connections")
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = &who
	c.expiry.Stop()
	c.expiry = time.AfterFunc(who.claims.Expires.Sub(c.g.cfg.Now()), c.expire)
	// closeRevoked may have looked at the connection before it had claims.
	return !c.g.closeIfRevoked(c, who.claims)
}

// signOut takes the connection out of all its rooms. Where nobody signs in again, it ends.
func (c *conn) signOut() {
	c.mu.Lock()
	user, jobs := "", slices.Collect(maps.Keys(c.subs))
	if c.who != nil {
		user = c.who.claims.ID
	}
	c.who = nil
	clear(c.subs)
	c.expiry.Stop()
	c.expiry = time.AfterFunc(c.g.cfg.AuthTimeout, func() { c.close(websocket.StatusNormalClosure, "") })
	c.mu.Unlock()
	c.g.hub.leave(c, user, jobs)
}

// user returns who has signed in, nil before that.
func (c *conn) user() *visitor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}
