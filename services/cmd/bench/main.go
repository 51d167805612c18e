// Command bench measures rollcall beside other programs that do the same, in one
// run, and prints one table:
//
//	go run ./services/cmd/bench                    # all of it
//	go run ./services/cmd/bench -only artifacts    # rows whose name matches
//	go run ./services/cmd/bench -only job -rows 5000
//	go run ./services/cmd/bench -only growth       # how the cost of jobs grows
//	go run ./services/cmd/bench -peers bin/peers   # beside what people would use instead
//	go run ./services/cmd/bench -system -rows 50000   # an installation of many processes
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
	rows := flag.Int("rows", 100_000, "people on the roll of a job; growth takes a tenth and ten times as many too")
	peers := peerLoad{}
	flag.StringVar(&peers.dir, "peers", "", "only compare with the programs in this folder (the task bench:peers)")
	flag.IntVar(&peers.clients, "clients", 2_000, "with -peers: clients that follow")
	flag.IntVar(&peers.jobs, "jobs", 200, "with -peers: jobs that they follow")
	flag.IntVar(&peers.rate, "rate", 200, "with -peers: messages a second, to all jobs together")
	flag.DurationVar(&peers.time, "time", 15*time.Second, "with -peers: how long messages are sent, twice")
	system := systemLoad{}
	whole := flag.Bool("system", false, "only measure an installation of many processes at once (the task bench:system)")
	flag.IntVar(&system.users, "users", 10, "with -system: users who upload a roll at once")
	flag.IntVar(&system.rounds, "rounds", 2, "with -system: how often they do")
	flag.IntVar(&system.followers, "followers", 10_000, "with -system: WebSockets that follow their jobs")
	flag.DurationVar(&system.every, "small-every", 2*time.Second, "with -system: from one roll of 50 people to the next")
	flag.IntVar(&system.small, "small", 100, "with -system: such rolls, before they come again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ran, err := runFollowers(ctx)
	switch {
	case ran:
	case *whole:
		system.rows = *rows
		err = measureSystem(ctx, system, os.Stdout)
	case peers.dir != "":
		peers.rows = *rows
		err = comparePeers(ctx, peers, os.Stdout)
	default:
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
	if err := printTable(os.Stdout, append(list, whole...)); err != nil {
		return err
	}
	return printGrowth(os.Stdout, whole)
}
