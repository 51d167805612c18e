//go:build unix

// Command bench loads a gateway on one machine: many clients that follow many
// jobs, facts appended at a steady rate, and the gateway killed and replaced
// meanwhile. NATS, the gateway and the clients are processes of their own, so
// that each one's memory is its own. It fails when a client did not get exactly
// the sequence of its job.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// load is what the gateway is loaded with.
type load struct {
	Clients, Jobs int
	// History is how many facts each job has before anybody connects.
	History int
	// Rate is facts appended a second, over all jobs.
	Rate int
	// Time is how long facts are appended, once undisturbed and once while the
	// gateway is killed and replaced.
	Time time.Duration
	// Dir is where the streams are kept; their disk decides how fast facts are
	// stored.
	Dir string
}

func main() {
	if role(os.Getenv(roleVariable)) {
		return
	}
	var l load
	flag.IntVar(&l.Clients, "clients", 10_000, "clients")
	flag.IntVar(&l.Jobs, "jobs", 1_000, "jobs that they follow")
	flag.IntVar(&l.History, "history", 9, "facts of each job before anybody connects")
	flag.IntVar(&l.Rate, "rate", 1_000, "facts a second, of all jobs")
	flag.DurationVar(&l.Time, "time", 20*time.Second, "how long facts are appended, twice")
	flag.StringVar(&l.Dir, "dir", "", "folder of the streams (default a temporary one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if _, err := run(ctx, l, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run puts a load on a gateway and reports.
func run(ctx context.Context, l load, out io.Writer) (r report, err error) {
	if l.Clients < 1 || l.Jobs < 1 || l.Rate < 1 || l.History < 1 || l.Time <= 0 {
		return r, errors.New("all of clients, jobs, rate, history and time must be positive")
	}
	if err := raiseFiles(uint64(l.Clients) + 500); err != nil {
		return r, err
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
	for _, phase := range []func(context.Context, *report) error{b.upload, b.connect, b.subscribe, b.publish, b.replace, b.verify} {
		if err := phase(ctx, &r); err != nil {
			return r, err
		}
	}
	return r, r.print(out)
}

// raiseFiles makes room for as many sockets. Processes started later inherit it.
func raiseFiles(need uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	if limit.Max < need {
		return fmt.Errorf("%d open files are needed and %d are allowed: raise the hard limit (ulimit -Hn)", need, limit.Max)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}
