//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall.example/gateway/auth"
)

// Fleet is the clients of one process. Its methods are called over net/rpc by the process
// that has started it, one after the other.
type Fleet struct {
	ctx     context.Context
	secret  string
	load    load
	addrs   []string // of the gateways
	dialer  net.Dialer
	http    *http.Client // of clients that poll
	peer    peer         // nil when gateways are measured
	jobs    []JobRef
	clients []*client

	mu     sync.Mutex
	backs  []time.Time // when clients had a connection again
	caught []time.Time // when they had all that there was when they subscribed again
	failed int         // attempts to connect again
}

// JobRef is a job that clients follow as its owner.
type JobRef struct{ ID, Owner string }

// Muster says which clients a fleet has: those with the numbers First to First+Count-1.
type Muster struct {
	Load         load
	Addrs        []string
	Jobs         []JobRef
	Number       int // of the fleet
	First, Count int
}

// Standing is how far the clients of a fleet are.
type Standing struct {
	Live   int // clients that have read their history
	Behind int // clients that are not live, or have fewer facts than their job
	Facts  int // received in all
}

// Noted is what a fleet has noted since it was asked before.
type Noted struct {
	Arrivals      []Arrival
	Backs, Caught []time.Time
	Failed        int
}

// Arrival is when a fact was appended and when a client received it.
type Arrival struct {
	Job      int
	Seq      uint64
	From, To time.Time
}

// Result is what the clients of a fleet received in all.
type Result struct{ Facts, Reconnects, Lost int }

// fleetGarbage has the clients, which are not measured, leave the processors to what is.
const fleetGarbage = 400

// runFleet serves a fleet on an address of its own.
func runFleet(ctx context.Context) error {
	debug.SetGCPercent(fleetGarbage)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f := &Fleet{ctx: ctx, secret: os.Getenv(secretVariable)}
	server := rpc.NewServer()
	if err := server.Register(f); err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	conn, err := ln.Accept()
	if err != nil {
		return err
	}
	server.ServeConn(conn) // until the process that started this one ends
	return ln.Close()
}

// Connect opens the connections of all clients and measures how long that takes.
func (f *Fleet) Connect(m Muster, took *time.Duration) (err error) {
	f.load, f.addrs, f.jobs = m.Load, m.Addrs, m.Jobs
	f.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * m.Count}}
	if f.peer, err = newPeer(m.Load.Peer, m.Load.Programs, m.Addrs[0]); err != nil {
		return err
	}
	if m.Number > 0 { // one address of this machine has too few ports for all
		f.dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(m.Number+1))}
		f.dialer.Control = bindWithoutPort
	}
	for i := range m.Count {
		n := m.First + i
		c := &client{f: f, job: n % len(f.jobs)}
		c.addr = f.addrs[c.job%len(f.addrs)] // together gateways have the jobs that one would have
		c.token, err = auth.Mint(f.secret, f.jobs[c.job].Owner, "member", time.Hour, time.Now())
		if err != nil {
			return err
		}
		f.clients = append(f.clients, c)
	}
	start := time.Now()
	var group errgroup.Group
	group.SetLimit(max(maxDials/m.Load.Processes, 1))
	for _, c := range f.clients {
		group.Go(func() error { return c.connect(f.ctx) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	*took = time.Since(start)
	return nil
}

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT of Linux.
const ipBindAddressNoPort = 24

// bindWithoutPort leaves the port to be chosen when the connection is made. A port that is
// chosen before must be free for all destinations: with 16,000 connections the search took
// a third of all processors.
func bindWithoutPort(_, _ string, c syscall.RawConn) (err error) {
	if runtime.GOOS != "linux" {
		return nil
	}
	cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	})
	return errors.Join(cerr, err)
}

// Follow has all clients follow their jobs from now on.
func (f *Fleet) Follow(struct{}, *struct{}) error {
	for _, c := range f.clients {
		go c.follow(f.ctx)
	}
	return nil
}

// Look says how far the clients are, of jobs with so many facts.
func (f *Fleet) Look(facts []int, s *Standing) error {
	for _, c := range f.clients {
		n, live := c.standing()
		s.Facts += n
		if live {
			s.Live++
		}
		if !live || n < facts[c.job] {
			s.Behind++
		}
	}
	return nil
}

// Take returns what was noted since the last call.
func (f *Fleet) Take(_ struct{}, n *Noted) error {
	for _, c := range f.clients {
		n.Arrivals = append(n.Arrivals, c.takeArrivals()...)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n.Backs, n.Caught, n.Failed = f.backs, f.caught, f.failed
	f.backs, f.caught, f.failed = nil, nil, 0
	return nil
}

// Verify compares what each client received with the facts of its job. Of a peer's it
// counts what is missing.
func (f *Fleet) Verify(facts [][]uint64, r *Result) error {
	for i, c := range f.clients {
		got, want := c.received(), facts[c.job]
		if f.peer != nil {
			r.Lost += len(want) - len(slices.Compact(slices.Sorted(slices.Values(got))))
		} else if !slices.Equal(got, want) {
			return fmt.Errorf("client %d received %v, its job has %v", i, got, want)
		}
		r.Facts += len(got)
		r.Reconnects += c.reconnects
	}
	return nil
}

func (f *Fleet) noteBack(failed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backs, f.failed = append(f.backs, time.Now()), f.failed+failed
}

func (f *Fleet) noteCaught(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.caught = append(f.caught, at)
}
