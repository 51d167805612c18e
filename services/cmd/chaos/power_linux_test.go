package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall.example/services/cmd/chaos/disktest"
)

var cutsFlag = flag.Int("cuts", 2, "how often the power is cut, for each kind of installation")

// The power of everything is cut at random instants while users upload files, follow
// jobs and download reports: of one machine with NATS and PostgreSQL, and of a cluster of
// three NATS servers, of all at once or of some. Everything that was acknowledged is
// there afterwards.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	disktest.Require(t)
	kinds := []struct {
		name    string
		servers int
		journal disktest.Journal
	}{
		{"one machine", 1, disktest.Ordered},
		{"one machine with a strict journal", 1, disktest.Strict},
		{"three servers", 3, disktest.Ordered},
		{"three servers with strict journals", 3, disktest.Strict},
	}
	if !*fullFlag {
		kinds = kinds[:1]
	}
	for _, c := range kinds {
		t.Run(c.name, func(t *testing.T) { losePower(t, c.servers, c.journal, *cutsFlag) })
	}
}

// losePower runs an installation, cuts its power and checks what it has kept.
func losePower(t *testing.T, servers int, journal disktest.Journal, cuts int) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64N(1_000_000) + 1
	}
	t.Logf("repeat with: go tool task test:power -- -cuts %d -seed %d -run %q", cuts, seed, t.Name())
	r := rand.New(rand.NewPCG(seed, uint64(servers)))
	p := newPowered(t, servers, journal, seed)
	users := []*user{p.newUser("alice", p.apps...), p.newUser("bob", p.apps...), p.newUser("carol", p.apps...)}
	w := newWitness(t)
	w.approver = p.newUser("dora", p.apps...)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Duration(cuts)*30*time.Second)
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
	var lost disktest.Losses
	for range cuts {
		sleepUntil(ctx, time.Now().Add(50*time.Millisecond+randomUpTo(r, 900*time.Millisecond)))
		l, err := p.cut(r)
		if err != nil {
			t.Error(err)
			break
		}
		lost.Sectors, lost.UnsyncedSectors = lost.Sectors+l.Sectors, lost.UnsyncedSectors+l.UnsyncedSectors
		lost.Names, lost.UnsyncedNames = lost.Names+l.Names, lost.UnsyncedNames+l.UnsyncedNames
		p.waitHealthy()
		p.hasten()
	}
	close(stop)
	uploading.Wait() // until each job has ended
	ended()
	steering.Wait()
	if t.Failed() {
		return
	}
	k := w.check(p.site, users[0])
	fmt.Printf("power: %s: %d cuts; forgotten %d of %d unsynced sectors, %d of %d unsynced names; %s; "+
		"jobs retried %d; %s\n", t.Name(), cuts, lost.Sectors, lost.UnsyncedSectors, lost.Names, lost.UnsyncedNames, k,
		retries, time.Since(began).Round(time.Second))
}

// hand makes files until stop is closed.
func hand(to chan<- *file, stop <-chan struct{}, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 9))
	for batch := 0; ; batch++ {
		// What a dry run has shown stays as it is until it is committed.
		for _, f := range makeFiles(r, 10, 40, 20_000+batch%400*200) {
			f.name = fmt.Sprintf("batch-%03d-%s", batch, f.name)
			select {
			case to <- f:
			case <-stop:
				return
			}
		}
	}
}

// powered is a site whose data lies on disks that lose power: one for all that is on one
// machine, or one for each server of NATS and one for PostgreSQL.
type powered struct {
	*site
	disks []*disktest.Disk // the last one has PostgreSQL
}

func newPowered(t *testing.T, servers int, journal disktest.Journal, seed uint64) *powered {
	t.Helper()
	p := &powered{}
	mount := func() host {
		d := disktest.Mount(t, t.TempDir(), disktest.Options{Journal: journal, Seed: seed + uint64(len(p.disks))})
		p.disks = append(p.disks, d)
		return host{dir: d.Dir()}
	}
	cfg := siteConfig{apps: []host{{}}, ackWait: 4 * time.Second}
	if servers == 1 {
		machine := mount()
		cfg.nats, cfg.database = []host{machine}, machine
	} else {
		for range servers {
			cfg.nats = append(cfg.nats, mount())
		}
		cfg.database = mount()
	}
	p.site = newSite(t, cfg)
	for _, d := range p.disks {
		d.Sync() // what was set up is older than some seconds
	}
	return p
}

// cut cuts the power of the one machine, with rollcall on it or not; of a cluster, that
// of everything, of all servers of NATS, of one of them, or of PostgreSQL.
func (p *powered) cut(r *rand.Rand) (disktest.Losses, error) {
	disks, down := p.disks, append([]*process{p.database}, p.nats...)
	defer func() {
		for _, d := range down {
			d.mu.Unlock()
		}
	}()
	if len(p.nats) > 1 {
		last := len(p.disks) - 1
		one := r.IntN(len(p.nats))
		switch r.IntN(6) {
		case 0:
			disks, down = disks[:last], p.nats
		case 1:
			disks, down = disks[one:one+1], p.nats[one:one+1]
		case 2:
			disks, down = disks[last:], down[:1]
		}
	}
	if r.IntN(2) == 0 {
		down = append(slices.Clone(down), p.apps...) // down may be a part of p.nats
	}
	return disktest.Cut(func() (err error) {
		for _, d := range down {
			err = errors.Join(err, d.killAll())
		}
		return err
	}, disks...)
}

// killAll kills the program, as kill does, and what it has started.
func (p *process) killAll() error {
	p.mu.Lock()
	children := childrenOf(p.cmd.Process.Pid) // of nobody once it is dead
	p.mu.Unlock()
	_, err := p.kill()
	for _, pid := range children {
		if failed := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(failed, syscall.ESRCH) {
			err = errors.Join(err, failed)
		}
	}
	return err
}
