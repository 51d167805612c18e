package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.example/services/cmd/chaos/disktest"
)

// Two or three kinds of faults at once, drawn anew for each round: kills, lines that
// break, cuts of the power, networks that split, clocks that jump, of three NATS servers,
// PostgreSQL and two processes with all services, each a machine of its own. Users on
// both sides upload, follow, read, cancel, retry, undo and commit meanwhile. Everything
// that was acknowledged is there afterwards, nothing is doubled. The short form is one
// machine without a network. In the long form, memory, goroutines, open files and disk
// of each process are sampled, plotted, and have to be flat.
func TestFaultsTogether(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64N(1_000_000) + 1
	}
	t.Logf("repeat with: go tool task test:soak SPAN=%s -- -seed %d -down %s", *spanFlag, seed, *downFlag)
	r := rand.New(rand.NewPCG(seed, 13))
	i := newInstallation(t, seed)
	users := []*user{i.newUser("alice", i.apps[0]), i.newUser("bob", i.apps[len(i.apps)-1])}
	w := newWitness(t)
	w.approver = i.newUser("dora", i.apps...)
	w.reader = i.newUser("carol", i.apps...)
	if isSoak() {
		w.pause = 2 * time.Second // hours of it have to find room in memory, where the disks are
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+3**spanFlag)
	defer cancel()
	files := make(chan *file)
	stop := make(chan struct{})
	var uploading, steering, sampling sync.WaitGroup
	order := r.Uint64()
	uploading.Go(func() { hand(files, stop, order) })
	for _, u := range users {
		uploading.Go(func() { w.uploadUntil(ctx, stop, u, files) })
	}
	steer, ended := context.WithCancel(ctx)
	retries := 0
	steering.Go(func() { retries = w.steer(steer, w.reader) })
	meter := newMeter(i, w)
	sampling.Go(func() { meter.run(steer, max(*spanFlag/240, 2*time.Second)) })

	began := time.Now()
	rounds := map[string]int{}
	for n := 0; ctx.Err() == nil && time.Since(began) < *spanFlag && (*fullFlag || n < 2); n++ {
		drawn := i.draw(r)
		rounds[strings.Join(drawn, "+")]++
		if err := i.inject(ctx, r, drawn); err != nil {
			t.Errorf("%v: %v", drawn, err)
			break
		}
		i.waitHealthy()
		i.hasten()
		sleepUntil(ctx, time.Now().Add(randomUpTo(r, *downFlag)))
	}
	close(stop)
	uploading.Wait() // until each job has ended
	ended()
	steering.Wait()
	sampling.Wait()
	meter.report(t, time.Since(began))
	if t.Failed() {
		return
	}
	k := w.check(i.site, w.reader)
	fmt.Printf("faults together: %s; %s; jobs retried %d; asked again of a server behind %d; %s\n",
		describeRounds(rounds), k, retries, w.behind.Load(), time.Since(began).Round(time.Second))
}

func describeRounds(rounds map[string]int) string {
	var parts []string
	sum := 0
	for name, n := range rounds {
		parts = append(parts, fmt.Sprintf("%s %d", name, n))
		sum += n
	}
	slices.Sort(parts)
	return fmt.Sprintf("%d rounds: %s", sum, strings.Join(parts, ", "))
}

// installation is a site that any kind of fault can hit.
type installation struct {
	*powered
	network *network // nil on one machine
	clocks  map[string]*clock
}

func newInstallation(t *testing.T, seed uint64) *installation {
	t.Helper()
	i := &installation{powered: &powered{}, clocks: map[string]*clock{}}
	mount := func(h host) host {
		d := disktest.Mount(t, t.TempDir(), disktest.Options{Journal: disktest.Ordered, Seed: seed + uint64(len(i.disks))})
		i.disks = append(i.disks, d)
		h.dir = d.Dir()
		return h
	}
	cfg := siteConfig{ackWait: 4 * time.Second, envOf: func(name string) []string {
		if c := i.clocks[name]; c != nil {
			return c.env
		}
		return nil
	}}
	if !*fullFlag {
		machine := mount(host{})
		cfg.nats, cfg.database, cfg.apps = []host{machine}, machine, []host{{}}
	} else {
		i.network = newNetwork(t, all...)
		cfg.dial, cfg.forward = i.network.dial, i.network.forward
		cfg.iec, cfg.apps = i.network.host("database"), []host{i.network.host("app-1"), i.network.host("app-2")}
		for _, name := range servers {
			cfg.nats = append(cfg.nats, mount(i.network.host(name)))
			i.clocks[name] = newClock(t, false)
		}
		cfg.database = mount(i.network.host("database"))
		// Not that of PostgreSQL: the model needs the order of commits by its clock.
		i.clocks["rollcall-1"], i.clocks["rollcall-2"] = newClock(t, false), newClock(t, false)
		cfg.programs = buildWithClocks(t)
		cfg.args = []string{"--keep-uploads", "48h", "--keep-artifacts", "48h"}
		cfg.metrics = true
	}
	i.site = newSite(t, cfg)
	for _, d := range i.disks {
		d.Sync() // what was set up is older than some seconds
	}
	return i
}

// kinds are the faults that may come together.
func (i *installation) kinds() map[string]func(context.Context, *rand.Rand) error {
	kinds := map[string]func(context.Context, *rand.Rand) error{
		"kill":      i.killOne,
		"power":     i.cutPower,
		"no answer": i.stopOne,
	}
	if i.network != nil {
		kinds["line"] = i.breakLine
		kinds["partition"] = func(ctx context.Context, r *rand.Rand) error {
			err := partitions[r.IntN(len(partitions))].split(ctx, i.network, r)
			<-ctx.Done()
			return errors.Join(err, i.network.heal())
		}
		kinds["clock"] = i.moveClock
	}
	return kinds
}

// draw returns two or three kinds.
func (i *installation) draw(r *rand.Rand) []string {
	var names []string
	for name := range i.kinds() {
		names = append(names, name)
	}
	slices.Sort(names)
	r.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
	names = names[:2+r.IntN(2)]
	slices.Sort(names)
	return names
}

// inject lets the faults happen at about the same moment, and waits until all are over.
func (i *installation) inject(ctx context.Context, r *rand.Rand, names []string) error {
	kinds, failed := i.kinds(), make([]error, len(names))
	var injecting sync.WaitGroup
	for n, name := range names {
		own := rand.New(rand.NewPCG(r.Uint64(), 17))
		injecting.Go(func() {
			sleepUntil(ctx, time.Now().Add(randomUpTo(own, time.Second)))
			lasting, over := context.WithTimeout(ctx, 200*time.Millisecond+randomUpTo(own, *downFlag))
			defer over()
			if err := kinds[name](lasting, own); err != nil {
				failed[n] = fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	injecting.Wait()
	return errors.Join(failed...)
}

func (i *installation) processes() []*process {
	return slices.Concat(i.nats, i.apps, []*process{i.database})
}

// cutPower cuts the power of everything, or of a part. In a soak it is that of one machine,
// and not of the first server of NATS.
func (i *installation) cutPower(_ context.Context, r *rand.Rand) error {
	if !isSoak() {
		_, err := i.cut(r)
		return err
	}
	n := 1 + r.IntN(len(i.disks)-1)
	p := slices.Concat(i.nats, []*process{i.database})[n]
	_, err := disktest.Cut(p.killAll, i.disks[n])
	p.mu.Unlock()
	return err
}

// killOne kills a process and keeps it dead until ctx ends. In a soak the first of each
// kind lives on, so that a leak has time to show.
func (i *installation) killOne(ctx context.Context, r *rand.Rand) error {
	list := append(i.processes(), i.simulator)
	if isSoak() {
		list = slices.DeleteFunc(list, func(p *process) bool { return p == i.nats[0] || p == i.apps[0] })
	}
	p := list[r.IntN(len(list))]
	err := p.killAll()
	defer p.mu.Unlock()
	<-ctx.Done()
	return err
}

// stopOne has a process stand still, as one whose machine is busy or has gone to sleep.
func (i *installation) stopOne(ctx context.Context, r *rand.Rand) error {
	list := slices.Concat(i.nats, i.apps)
	return list[r.IntN(len(list))].standStill(ctx)
}

// breakLine keeps two machines from hearing each other until ctx ends.
func (i *installation) breakLine(ctx context.Context, r *rand.Rand) error {
	a := r.IntN(len(all))
	b := (a + 1 + r.IntN(len(all)-1)) % len(all)
	err := i.network.breakLine(all[a], all[b])
	<-ctx.Done()
	return errors.Join(err, i.network.mendLine(all[a], all[b]))
}

// moveClock has the clock of a process be off by ten minutes or a day until ctx ends.
func (i *installation) moveClock(ctx context.Context, r *rand.Rand) error {
	var names []string
	for name := range i.clocks {
		names = append(names, name)
	}
	slices.Sort(names)
	c := i.clocks[names[r.IntN(len(names))]]
	by := []time.Duration{10 * time.Minute, 24 * time.Hour}[r.IntN(2)]
	if r.IntN(2) == 0 {
		by = -by
	}
	err := c.set(by)
	<-ctx.Done()
	return errors.Join(err, c.set(0))
}
