package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/auth"
)

// Clients have shutdownTimeout to take the close frame, and the longer the more there are:
// closesPerSecond is how many a gateway sends at best.
const (
	shutdownTimeout = 3 * time.Second
	closesPerSecond = 20_000
)

// Gateway serves WebSockets while Run runs.
type Gateway struct {
	cfg       Config
	hub       *hub
	histories *histories
	sessions  sessions
	last      atomic.Uint64 // the newest sequence that the feed has passed on
	counters  counters

	mu    sync.Mutex
	open  bool
	count int            // of connections
	conns sync.WaitGroup // the same, to wait for
}

// New returns a gateway that does not run yet. The error names each field of cfg that
// is missing or too small.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	cfg = cfg.withDefaults()
	g := &Gateway{cfg: cfg, hub: newHub(), sessions: sessions{byID: map[string]*conn{}}}
	g.sessions.g = g
	g.histories = newHistories(cfg, g.Ready)
	cfg.Verifier.OnRevocation(g.closeRevoked)
	return g, nil
}

// Ready returns why no client can be served at the moment, nil when one can.
func (g *Gateway) Ready() error {
	if !g.isOpen() {
		return errors.New("not connected to the live feed")
	}
	if nc := g.cfg.JetStream.Conn(); !nc.IsConnected() {
		return fmt.Errorf("nats connection is %s", strings.ToLower(nc.Status().String()))
	}
	return nil
}

func (g *Gateway) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// Run feeds the clients until ctx ends, then tells them to come back. It returns nil.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.histories.close()
	for {
		err := g.runFeed(ctx)
		switch {
		case ctx.Err() != nil:
			g.closeAll(refusal.CloseRestart, "service restart")
			return nil
		case errors.Is(err, errRecreated):
			g.cfg.Logger.ErrorContext(ctx, "event stream was recreated; all clients start over",
				"stream", events.StreamFacts)
			g.closeAll(refusal.CloseStreamReset, "stream was made anew")
		default:
			g.cfg.Logger.WarnContext(ctx, "live feed failed, trying again; no client is served until then", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(g.cfg.CheckInterval):
		}
	}
}

// runFeed serves clients from one live subscription until ctx ends or the subscription
// fails.
func (g *Gateway) runFeed(ctx context.Context) error {
	live := make(chan *nats.Msg, liveBuffer)
	sub, err := g.cfg.JetStream.Conn().ChanSubscribe(liveSubject, live)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	f := &feed{js: g.cfg.JetStream, interval: g.cfg.CheckInterval, log: g.cfg.Logger,
		onFact: g.publishFact, onProgress: g.publishProgress, onPassed: g.observeFanOut,
		onHeld: g.closeHeld}
	if err := f.start(ctx); err != nil {
		return err
	}
	// What was remembered may be of a stream that no longer exists.
	g.hub.forget()
	g.histories.forget()
	g.last.Store(f.last.seq)
	g.setOpen(true)
	defer g.setOpen(false)
	return f.run(ctx, live)
}

func (g *Gateway) setOpen(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

func (g *Gateway) publishFact(ctx context.Context, e events.Event, follows uint64) {
	defer g.last.Store(e.Seq)
	f, err := encodeFact(e, false)
	if err != nil {
		g.cfg.Logger.ErrorContext(ctx, "cannot send a fact to clients", "job", e.JobID, "seq", e.Seq, "err", err)
		return
	}
	g.histories.add(e, follows)
	g.hub.route(f)
}

// closeHeld disconnects the clients that would have got a fact that this gateway does not
// know. They come back with the last sequence that they have seen, and a newer gateway
// sends them the fact.
func (g *Gateway) closeHeld(jobID, owner string, seq uint64) {
	g.last.Store(seq)
	g.histories.drop(jobID)
	for _, c := range g.hub.concerned(jobID, owner) {
		c.close(refusal.CloseRestart, "a newer gateway is needed")
	}
}

func (g *Gateway) observeFanOut(stored time.Time) {
	if g.cfg.ObserveFanOut != nil {
		g.cfg.ObserveFanOut(max(g.cfg.Now().Sub(stored), 0))
	}
}

func (g *Gateway) publishProgress(ctx context.Context, p events.Progress, owner string) {
	f, err := encodeProgress(p, owner)
	if err != nil {
		g.cfg.Logger.ErrorContext(ctx, "cannot send progress to clients", "job", p.JobID, "err", err)
		return
	}
	g.histories.addProgress(f)
	g.hub.route(f)
}

// closeRevoked disconnects the clients whose tokens are no longer good.
func (g *Gateway) closeRevoked() {
	for _, c := range g.hub.connections() {
		if who := c.user(); who != nil {
			g.closeIfRevoked(c, who.claims)
		}
	}
}

// closeIfRevoked ends a connection whose token is no longer good, and reports whether it
// has.
func (g *Gateway) closeIfRevoked(c *conn, claims auth.Claims) bool {
	if !g.cfg.Verifier.Revoked(claims) {
		return false
	}
	c.closeFor(refusal.CodeUnauthenticated, "token revoked")
	return true
}

// closeAll disconnects all clients and waits until their connections have ended. Each is
// told how long to wait before it comes back.
func (g *Gateway) closeAll(code websocket.StatusCode, reason string) {
	all := g.hub.connections()
	l := newLeaving(len(all), g.cfg.Returns)
	for _, c := range all {
		closeSaying(c, code, func() string { return refusal.CloseReason(reason, l.next(time.Now())) })
	}
	done := make(chan struct{})
	go func() { g.conns.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(shutdownTimeout + l.least):
		for _, c := range g.hub.connections() {
			c.cancel()
		}
		<-done
	}
}
