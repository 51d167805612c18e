//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maxDials is how many clients connect at once.
	maxDials = 64
	// catchUpTimeout is how long it may take until all clients have all facts.
	catchUpTimeout = 2 * time.Minute
)

// connect opens all connections and measures what they cost.
func (b *bench) connect(ctx context.Context, r *report) error {
	before, err := b.readMemory(ctx)
	if err != nil {
		return err
	}
	b.clients = make([]*client, b.Clients)
	start := time.Now()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxDials)
	for i := range b.clients {
		j := b.jobs[i%len(b.jobs)]
		token, err := b.mintToken(j.owner.ID)
		if err != nil {
			return err
		}
		b.clients[i] = &client{b: b, job: j, token: token}
		group.Go(func() error { return b.clients[i].connect(gctx) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	r.connecting = time.Since(start)
	after, err := b.readMemory(ctx)
	if err != nil {
		return err
	}
	r.idle = costPerConnection(before, after, b.Clients)
	r.before = before
	return nil
}

// subscribe makes all clients read their histories.
func (b *bench) subscribe(ctx context.Context, r *report) error {
	start := time.Now()
	fctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, c := range b.clients {
		wg.Go(func() { c.follow(fctx) })
	}
	b.stopClients = func() { cancel(); wg.Wait() }
	if err := b.waitCaughtUp(ctx); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	r.replaying, r.replayed = time.Since(start), b.Clients*b.History
	after, err := b.readMemory(ctx)
	if err != nil {
		return err
	}
	r.following = costPerConnection(r.before, after, b.Clients)
	return nil
}

// publish appends facts while all clients are connected.
func (b *bench) publish(ctx context.Context, r *report) (err error) {
	if r.undisturbed, err = b.measureAppend(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// replace appends facts while the gateway is killed and a new one takes its place.
func (b *bench) replace(ctx context.Context, r *report) error {
	killed := make(chan error, 1)
	go func() {
		killed <- func() error {
			if err := sleepUntil(ctx, time.Now().Add(b.Time/4)); err != nil {
				return err
			}
			if err := b.gateway.kill(); err != nil {
				return fmt.Errorf("kill the gateway: %w", err)
			}
			start := time.Now()
			err := b.startAgain(ctx)
			r.replacing = time.Since(start)
			return err
		}()
	}()
	var err error
	r.replaced, err = b.measureAppend(ctx)
	if kerr := <-killed; kerr != nil {
		return kerr
	}
	if err != nil {
		return fmt.Errorf("publish while the gateway is replaced: %w", err)
	}
	return nil
}

func (b *bench) startAgain(ctx context.Context) error {
	if b.peer != nil {
		return b.startPeer(ctx)
	}
	return b.startGateway(ctx, b.addr)
}

// measureAppend appends facts and waits until all clients have them.
func (b *bench) measureAppend(ctx context.Context) (s measurement, err error) {
	if s.stored, s.appending, err = b.appendSteadily(ctx); err != nil {
		return s, err
	}
	end := time.Now()
	if err := b.waitCaughtUp(ctx); err != nil {
		return s, err
	}
	s.catchingUp = time.Since(end)
	for _, c := range b.clients {
		for _, a := range c.takeArrivals() {
			s.published = append(s.published, a.to.Sub(a.from))
			s.delivered = append(s.delivered, a.to.Sub(c.job.storedAt(a.seq)))
		}
	}
	for _, list := range [][]time.Duration{s.stored, s.published, s.delivered} {
		slices.Sort(list)
	}
	return s, nil
}

// waitCaughtUp waits until every client has all facts of its job.
func (b *bench) waitCaughtUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	if b.peer != nil {
		return b.waitQuiet(ctx)
	}
	for i, c := range b.clients {
		facts := len(c.job.facts())
		for !c.hasFacts(facts) {
			if err := sleepUntil(ctx, time.Now().Add(5*time.Millisecond)); err != nil {
				return fmt.Errorf("client %d has %d of %d facts: %w", i, len(c.received()), facts, err)
			}
		}
	}
	return nil
}

// quietTime is how long nothing comes from a peer that has sent all that it will send.
const quietTime = 5 * time.Second

// waitQuiet waits until every client of a peer is subscribed, and has everything or gets
// nothing more.
func (b *bench) waitQuiet(ctx context.Context) error {
	last, since := -1, time.Now()
	for {
		have, want, live := 0, 0, 0
		for _, c := range b.clients {
			have, want = have+len(c.received()), want+len(c.job.facts())
			if c.hasFacts(0) {
				live++
			}
		}
		if live == len(b.clients) && (have >= want || have == last && time.Since(since) > quietTime) {
			return nil
		}
		if have != last || live < len(b.clients) {
			last, since = have, time.Now()
		}
		if err := sleepUntil(ctx, time.Now().Add(20*time.Millisecond)); err != nil {
			return fmt.Errorf("%d of %d clients follow, they have %d of %d messages: %w", live, len(b.clients), have, want, err)
		}
	}
}

// verify compares what each client received with its job.
func (b *bench) verify(_ context.Context, r *report) error {
	for i, c := range b.clients {
		got, want := c.received(), c.job.facts()
		if b.peer != nil {
			r.facts += len(got)
			r.reconnects += c.reconnects
			r.lost += len(want) - len(slices.Compact(slices.Sorted(slices.Values(got))))
			continue
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("client %d received %v, its job has %v", i, got, want)
		}
		r.facts += len(got)
		r.reconnects += c.reconnects
	}
	return nil
}
