// Command bench measures rollcall, with others that do the same beside it in
// the same run, and prints one table:
//
//	go run ./services/cmd/bench                    # all of it
//	go run ./services/cmd/bench -only artifacts    # rows whose name matches
//	go run ./services/cmd/bench -only job -rows 5000
//
// It is run in the root of the project. The parts are Go benchmarks of their
// packages; the whole job is a process of rollcall that rolls are uploaded to.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	only := flag.String("only", "", "regular expression: measure only the rows that match")
	count := flag.Int("count", 5, "runs of each Go benchmark; the table has their medians")
	rows := flag.Int("rows", 100_000, "people on a roll of a whole job; the long roll has ten times as many")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, *count, *rows); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, count, rows int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("only: %w", err)
	}
	list, err := parts(ctx, wanted, count)
	if err != nil {
		return err
	}
	whole, err := wholeJobs(ctx, wanted, rows)
	if err != nil {
		return err
	}
	return table(os.Stdout, append(list, whole...))
}
