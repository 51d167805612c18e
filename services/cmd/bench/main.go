// Command bench measures rollcall beside other programs that do the same, in one
// run, and prints one table:
//
//	go run ./services/cmd/bench                    # all of it
//	go run ./services/cmd/bench -only artifacts    # rows whose name matches
//	go run ./services/cmd/bench -only job -rows 5000
//	go run ./services/cmd/bench -peers bin/peers   # beside what people would use instead
//
// Run it in the root of the project. It runs the Go benchmarks of the packages, and
// uploads rolls to a process of rollcall to measure whole jobs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	only := flag.String("only", "", "regular expression: measure only the rows whose name matches")
	count := flag.Int("count", 5, "runs of each Go benchmark; the table has the medians")
	rows := flag.Int("rows", 100_000, "people on the roll of a job; the long roll has ten times as many")
	peers := peerLoad{}
	flag.StringVar(&peers.dir, "peers", "", "only compare with the programs in this folder (the task bench:peers)")
	flag.IntVar(&peers.clients, "clients", 2_000, "with -peers: clients that follow")
	flag.IntVar(&peers.jobs, "jobs", 200, "with -peers: jobs that they follow")
	flag.IntVar(&peers.rate, "rate", 200, "with -peers: messages a second, to all jobs together")
	flag.DurationVar(&peers.time, "time", 15*time.Second, "with -peers: how long messages are sent, twice")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := error(nil)
	if peers.dir != "" {
		peers.rows = *rows
		err = comparePeers(ctx, peers, os.Stdout)
	} else {
		err = run(ctx, *only, *count, *rows)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, count, rows int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("only: %w", err)
	}
	list, err := measureParts(ctx, wanted, count)
	if err != nil {
		return err
	}
	whole, err := measureJobs(ctx, wanted, rows)
	if err != nil {
		return err
	}
	return printTable(os.Stdout, append(list, whole...))
}
