//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
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
func (b *bench) connect(ctx context.Context, r *report) (err error) {
	if r.before, err = b.readMemory(ctx); err != nil {
		return err
	}
	if err := b.startFleets(ctx); err != nil {
		return err
	}
	refs := make([]JobRef, len(b.jobs))
	for i, j := range b.jobs {
		refs[i] = JobRef{j.ID, j.owner.ID}
	}
	took, err := ask(b, "Connect", func(i int) Muster {
		first, next := i*b.Clients/b.Processes, (i+1)*b.Clients/b.Processes
		return Muster{Load: b.load, Addrs: b.addrs, Jobs: refs, Number: i, First: first, Count: next - first}
	}, time.Duration(0))
	if err != nil {
		return err
	}
	r.connecting = slices.Max(took)
	after, err := b.readMemory(ctx)
	if err != nil {
		return err
	}
	r.idle = costPerConnection(r.before, after, b.Clients)
	return nil
}

// ask has all fleets answer a call at once.
func ask[In, Out any](b *bench, method string, in func(fleet int) In, _ Out) ([]Out, error) {
	answers := make([]Out, len(b.fleets))
	var group errgroup.Group
	for i, fleet := range b.fleets {
		group.Go(func() error { return fleet.Call("Fleet."+method, in(i), &answers[i]) })
	}
	return answers, group.Wait()
}

// nothing is the question of a call that has none.
func nothing(int) struct{} { return struct{}{} }

// subscribe makes all clients read their histories.
func (b *bench) subscribe(ctx context.Context, r *report) error {
	start := time.Now()
	if _, err := ask(b, "Follow", nothing, struct{}{}); err != nil {
		return err
	}
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
	r.underLoad = b.resident()
	return nil
}

// kill appends facts while the gateways are killed and new ones take their places.
func (b *bench) kill(ctx context.Context, r *report) (err error) {
	r.killed, err = b.replace(ctx, (*process).kill)
	return err
}

// restart appends facts while the gateways are told to end and new ones take their places.
func (b *bench) restart(ctx context.Context, r *report) (err error) {
	r.restarted, err = b.replace(ctx, func(p *process) error { p.stop(); return nil })
	return err
}

// replace ends all gateways while facts are appended, and starts others.
func (b *bench) replace(ctx context.Context, end func(*process) error) (s replacement, err error) {
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			if err := sleepUntil(ctx, time.Now().Add(b.Time/4)); err != nil {
				return err
			}
			s.begin = time.Now()
			var group errgroup.Group
			for _, g := range b.gateways {
				group.Go(func() error { return end(g) })
			}
			if err := group.Wait(); err != nil {
				return fmt.Errorf("end the gateway: %w", err)
			}
			s.ending = time.Since(s.begin)
			err := b.startAgain(ctx)
			s.listening = time.Since(s.begin)
			return err
		}()
	}()
	s.measurement, err = b.measureAppend(ctx)
	if rerr := <-done; rerr != nil {
		return s, rerr
	}
	s.peak = b.peak()
	if err != nil {
		err = fmt.Errorf("publish while the gateway is replaced: %w", err)
	}
	return s, err
}

func (b *bench) startAgain(ctx context.Context) error {
	if b.peer != nil {
		return b.startPeer(ctx)
	}
	return b.startGateways(ctx)
}

// measureAppend appends facts and waits until all clients have them.
func (b *bench) measureAppend(ctx context.Context) (s measurement, err error) {
	if _, err := ask(b, "Take", nothing, Noted{}); err != nil { // of before
		return s, err
	}
	if s.stored, s.appending, err = b.appendSteadily(ctx); err != nil {
		return s, err
	}
	end := time.Now()
	if err := b.waitCaughtUp(ctx); err != nil {
		return s, err
	}
	s.catchingUp = time.Since(end)
	noted, err := ask(b, "Take", nothing, Noted{})
	if err != nil {
		return s, err
	}
	for _, n := range noted {
		for _, a := range n.Arrivals {
			j := b.jobs[a.Job]
			i, _ := slices.BinarySearch(j.seqs, a.Seq)
			s.published = append(s.published, a.To.Sub(a.From))
			s.delivered = append(s.delivered, a.To.Sub(j.stored[i]))
		}
		s.backs, s.caught = append(s.backs, n.Backs...), append(s.caught, n.Caught...)
		s.failed += n.Failed
	}
	for _, list := range [][]time.Duration{s.stored, s.published, s.delivered} {
		slices.Sort(list)
	}
	return s, nil
}

// waitCaughtUp waits until every client has all facts of its job. Asking takes a hundredth of
// the time at most: the clients have only what processors the gateways leave.
func (b *bench) waitCaughtUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	facts, want := make([]int, len(b.jobs)), 0
	for i, j := range b.jobs {
		facts[i] = len(j.facts())
	}
	for i := range b.Clients {
		want += facts[i%len(facts)]
	}
	last, since := -1, time.Now()
	for {
		asked := time.Now()
		standings, err := ask(b, "Look", func(int) []int { return facts }, Standing{})
		if err != nil {
			return err
		}
		var all Standing
		for _, s := range standings {
			all.Live, all.Behind, all.Facts = all.Live+s.Live, all.Behind+s.Behind, all.Facts+s.Facts
		}
		quiet := b.peer != nil && all.Live == b.Clients && all.Facts == last && time.Since(since) > quietTime
		if all.Behind == 0 || quiet {
			return nil
		}
		if all.Facts != last || all.Live < b.Clients {
			last, since = all.Facts, time.Now()
		}
		wait := min(max(100*time.Since(asked), 20*time.Millisecond), time.Second/2)
		if err := sleepUntil(ctx, time.Now().Add(wait)); err != nil {
			return fmt.Errorf("%d of %d clients follow, they have %d of %d facts: %w", all.Live, b.Clients, all.Facts, want, err)
		}
	}
}

// quietTime is how long nothing comes from a peer that has sent all that it will send.
const quietTime = 5 * time.Second

// verify compares what each client received with its job.
func (b *bench) verify(_ context.Context, r *report) error {
	facts := make([][]uint64, len(b.jobs))
	for i, j := range b.jobs {
		facts[i] = j.facts()
	}
	results, err := ask(b, "Verify", func(int) [][]uint64 { return facts }, Result{})
	for _, one := range results {
		r.facts, r.reconnects, r.lost = r.facts+one.Facts, r.reconnects+one.Reconnects, r.lost+one.Lost
	}
	return err
}
