package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var splitFlag = flag.Duration("split", 4*time.Second, "how long the network is split, each time")

// partition is a way in which a network splits. It holds until ctx ends.
type partition struct {
	name  string
	split func(ctx context.Context, n *network, r *rand.Rand) error
}

var (
	servers = []string{"nats-1", "nats-2", "nats-3"}
	all     = append([]string{"database", "app-1", "app-2"}, servers...)
)

// partitions are the ways: of a minority with one of the apps, of a server that hears
// nobody, of one that comes and goes, and of two servers of which only the third hears both.
var partitions = []partition{
	{"minority", func(_ context.Context, n *network, r *rand.Rand) error {
		few := []string{servers[r.IntN(3)], fmt.Sprintf("app-%d", 1+r.IntN(2))}
		return n.split(few, except(all, few...))
	}},
	{"one way", func(_ context.Context, n *network, r *rand.Rand) error {
		return n.deafen(servers[r.IntN(3)], servers...)
	}},
	{"bridge", func(_ context.Context, n *network, r *rand.Rand) error {
		middle := r.IntN(3)
		return n.split([]string{servers[(middle+1)%3]}, []string{servers[(middle+2)%3]})
	}},
	{"flapping", func(ctx context.Context, n *network, r *rand.Rand) (err error) {
		one := servers[r.IntN(3)]
		for err == nil && ctx.Err() == nil {
			err = n.split([]string{one}, except(all, one))
			sleepUntil(ctx, time.Now().Add(time.Second))
			if err == nil && ctx.Err() == nil {
				err = n.heal()
				sleepUntil(ctx, time.Now().Add(time.Second))
			}
		}
		return err
	}},
}

func except(list []string, not ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(not, name) })
}

// The network between three NATS servers, PostgreSQL and two processes with all services
// splits in several ways, while clients on both sides upload, follow, read, cancel and
// retry. After it has healed nothing is lost or doubled, and no sequence is missing.
func TestPartitions(t *testing.T) {
	t.Parallel()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64N(1_000_000) + 1
	}
	t.Logf("repeat with: go tool task test:partition -- -split %s -seed %d", *splitFlag, seed)
	r := rand.New(rand.NewPCG(seed, 11))
	n := newNetwork(t, all...)
	cfg := siteConfig{database: n.host("database"), iec: n.host("database"), dial: n.dial, forward: n.forward,
		apps: []host{n.host("app-1"), n.host("app-2")}, ackWait: 4 * time.Second}
	for _, name := range servers {
		cfg.nats = append(cfg.nats, n.host(name))
	}
	s := newSite(t, cfg)
	// Each of them is on one side, and uses the app there.
	users := []*user{s.newUser("alice", s.apps[0]), s.newUser("bob", s.apps[1])}
	w := newWitness(t)
	w.approver = s.newUser("dora", s.apps...)
	w.reader = s.newUser("carol", s.apps...)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+8**splitFlag)
	defer cancel()
	files := make(chan *file)
	stop := make(chan struct{})
	var uploading, steering sync.WaitGroup
	order := r.Uint64()
	uploading.Go(func() { hand(files, stop, order) })
	for _, u := range users {
		uploading.Go(func() { w.uploadUntil(ctx, stop, u, files) })
	}
	steer, ended := context.WithCancel(ctx)
	retries := 0
	steering.Go(func() { retries = w.steer(steer, users[0]) })

	began := time.Now()
	kinds := partitions
	if !*fullFlag {
		kinds = kinds[:2]
	}
	for _, p := range kinds {
		splitting, over := context.WithTimeout(ctx, *splitFlag)
		err := p.split(splitting, n, r)
		<-splitting.Done()
		over()
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		if err := n.heal(); err != nil {
			t.Fatal(err)
		}
		sleepUntil(ctx, time.Now().Add(*splitFlag/2))
	}
	s.waitHealthy()
	s.hasten()
	close(stop)
	uploading.Wait() // until each job has ended
	ended()
	steering.Wait()
	if t.Failed() {
		return
	}
	k := w.check(s, users[0])
	fmt.Printf("partitions: %d, of %s each; %s; jobs retried %d; asked again of a server behind %d; %s\n",
		len(kinds), *splitFlag, k, retries, w.behind.Load(), time.Since(began).Round(time.Second))
}
