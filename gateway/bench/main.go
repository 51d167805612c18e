//go:build unix

// Command bench loads gateways on one machine: many clients follow many jobs, facts are
// appended at a steady rate, and the gateways are killed and replaced meanwhile, then told
// to end and replaced. NATS, the gateways and the clients run in processes of their own, so
// that the gateways' memory can be measured. The command fails unless each client gets exactly the facts of its job.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// load is what the gateway has to serve. All numbers and the time must be positive.
type load struct {
	Clients, Jobs int
	// History is how many facts each job has before anybody connects.
	History int
	// Rate is how many facts are appended a second, to all jobs together.
	Rate int
	// Time is how long facts are appended: undisturbed, while the gateways are killed and
	// replaced, and while they are told to end and replaced.
	Time time.Duration
	// Gateways is how many gateways the clients are spread over, Processes how many processes
	// the clients are in. A process has a file for each connection, and not more than the
	// system allows.
	Gateways, Processes int
	// Transport is how the clients connect: websocket, polling or upgrade.
	Transport string
	// Peer is the program of others that is measured in the gateway's place: centrifugo or
	// socketio, "" for the gateway itself. Programs is the folder that it is in.
	Peer, Programs string
	// Dir is where the streams are kept; its disk decides how fast facts are stored.
	// "" means a temporary folder.
	Dir string
}

func main() {
	if runRole(os.Getenv(roleVariable)) {
		return
	}
	var l load
	flag.IntVar(&l.Clients, "clients", 10_000, "clients")
	flag.IntVar(&l.Jobs, "jobs", 1_000, "jobs that the clients follow")
	flag.IntVar(&l.History, "history", 9, "facts of each job before the clients connect")
	flag.IntVar(&l.Rate, "rate", 1_000, "facts appended a second, to all jobs together")
	flag.DurationVar(&l.Time, "time", 20*time.Second,
		"how long facts are appended: undisturbed, while gateways are killed, while they are told to end")
	flag.IntVar(&l.Gateways, "gateways", 1, "gateways that the clients are spread over")
	flag.IntVar(&l.Processes, "processes", 1, "processes that the clients are in")
	flag.StringVar(&l.Transport, "transport", transportWebSocket,
		"how the clients connect: websocket (/ws), polling or upgrade (Socket.IO)")
	flag.StringVar(&l.Dir, "dir", "", "folder of the streams (default a temporary one)")
	flag.StringVar(&l.Peer, "peer", "", "measure a program of others: centrifugo or socketio (see the task bench:peers)")
	flag.StringVar(&l.Programs, "programs", "bin/peers", "folder of the programs of others")
	asJSON := flag.Bool("json", false, "print figures as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := io.Writer(os.Stdout)
	if *asJSON {
		out = io.Discard
	}
	r, err := run(ctx, l, out)
	if err == nil && *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(r.figures())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// validate names each setting that is not positive.
func (l load) validate() error {
	var errs []error
	for _, setting := range []struct {
		name  string
		value int
	}{{"clients", l.Clients}, {"jobs", l.Jobs}, {"history", l.History}, {"rate", l.Rate},
		{"gateways", l.Gateways}, {"processes", l.Processes}} {
		if setting.value < 1 {
			errs = append(errs, fmt.Errorf("%s must be at least 1, not %d", setting.name, setting.value))
		}
	}
	if !slices.Contains([]string{transportWebSocket, transportPolling, transportUpgrade}, l.Transport) {
		errs = append(errs, fmt.Errorf("transport must be websocket, polling or upgrade, not %q", l.Transport))
	}
	if l.Time <= 0 {
		errs = append(errs, fmt.Errorf("time must be positive, not %s", l.Time))
	}
	return errors.Join(errs...)
}

// run puts a load on a gateway, and reports to out.
func run(ctx context.Context, l load, out io.Writer) (r report, err error) {
	if err := l.validate(); err != nil {
		return r, err
	}
	files := l.Clients/min(l.Gateways, l.Processes) + 500
	if l.Transport == transportPolling {
		files *= 2 // it polls and posts at once
	}
	if err := raiseFileLimit(uint64(files)); err != nil {
		return r, err
	}
	if l.Peer != "" {
		l.History = 0 // they keep nothing of the time before
	}
	if l.Dir == "" {
		if l.Dir, err = os.MkdirTemp("", "rollcall-bench-"); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(l.Dir)) }()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := start(ctx, l)
	if err != nil {
		return r, err
	}
	defer b.stop()
	r.load = l
	phases := []func(context.Context, *report) error{
		b.upload, b.connect, b.subscribe, b.publish, b.kill, b.restart, b.verify}
	if b.peer != nil { // they tell their clients nothing when they end
		phases = []func(context.Context, *report) error{b.upload, b.connect, b.subscribe, b.publish, b.kill, b.verify}
	}
	for _, phase := range phases {
		if err := phase(ctx, &r); err != nil {
			return r, errors.Join(err, r.print(out)) // what was measured before
		}
	}
	return r, r.print(out)
}

// raiseFileLimit makes room for so many sockets. Processes started later inherit the limit.
func raiseFileLimit(need uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	if limit.Max < need {
		return fmt.Errorf("%d open files are needed in a process and %d are allowed: raise the hard limit (ulimit -Hn), "+
			"or take more -gateways and -processes", need, limit.Max)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}
