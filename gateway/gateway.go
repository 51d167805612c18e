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
)

// shutdownTime is how long clients have to take the news that it closes.
const shutdownTime = 3 * time.Second

// Gateway serves WebSockets. It does so while Run runs.
type Gateway struct {
	cfg  Config
	hub  *hub
	past *histories
	last atomic.Uint64 // the newest sequence that the feed has passed on
	sums counts

	mu    sync.Mutex
	open  bool
	count int // of conns
	conns sync.WaitGroup
}

// New returns a gateway that is not running yet.
func New(cfg Config) (*Gateway, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, hub: newHub()}
	g.past = newHistories(cfg, g.Ready)
	return g, nil
}

// Ready says in words why no client can be served, nil when one can.
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

// Run feeds the clients until ctx ends, then tells them to come back.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.past.close()
	for {
		err := g.feed(ctx)
		switch {
		case ctx.Err() != nil:
			g.closeAll(refusal.CloseRestart, "service restart")
			return nil
		case errors.Is(err, errAnew):
			g.cfg.Logger.Error("the stream was made anew, clients start over", "stream", events.StreamFacts)
			g.closeAll(refusal.CloseStreamReset, "stream was made anew")
		default:
			g.cfg.Logger.Warn("live feed not started", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(g.cfg.Watch):
		}
	}
}

// feed serves clients from one live subscription until ctx ends or it fails.
func (g *Gateway) feed(ctx context.Context) error {
	live := make(chan *nats.Msg, liveBuffer)
	sub, err := g.cfg.JetStream.Conn().ChanSubscribe(liveSubject, live)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	f := &feed{js: g.cfg.JetStream, every: g.cfg.Watch, fact: g.fact, progress: g.progress, passed: g.passed, warn: g.cfg.Logger.Warn}
	if err := f.start(ctx); err != nil {
		return err
	}
	// What is known is of a feed, and a stream, that may be no more.
	g.hub.forget()
	g.past.forget()
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

func (g *Gateway) fact(e events.Event) {
	defer g.last.Store(e.Seq)
	f, err := factFrame(e)
	if err != nil {
		g.cfg.Logger.Error("fact left out", "seq", e.Seq, "err", err)
		return
	}
	g.past.outdated(f)
	g.hub.route(f)
}

func (g *Gateway) passed(stored time.Time) {
	if g.cfg.FannedOut != nil {
		g.cfg.FannedOut(max(g.cfg.Now().Sub(stored), 0))
	}
}

func (g *Gateway) progress(p events.Progress, owner string) {
	f, err := progressFrame(p, owner)
	if err != nil {
		g.cfg.Logger.Error("progress left out", "job", p.JobID, "err", err)
		return
	}
	g.past.outdated(f)
	g.hub.route(f)
}

// closeAll disconnects everybody and waits, for a moment, until they are gone.
func (g *Gateway) closeAll(code websocket.StatusCode, reason string) {
	for _, c := range g.hub.connections() {
		c.fail(code, reason)
	}
	done := make(chan struct{})
	go func() { g.conns.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(shutdownTime):
		for _, c := range g.hub.connections() {
			c.cut()
		}
		<-done
	}
}
