//go:build unix

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Targets, on two cores.
const (
	targetMemory  = 20 << 10
	targetLatency = 50 * time.Millisecond
)

// report is what was measured.
type report struct {
	load                  load
	before                memory
	connecting, replaying time.Duration
	replayed              int
	idle, following       cost
	quiet, replaced       stream
	replacing             time.Duration
	facts                 int // received by all clients, each exactly its job's
	again                 int // connections after the first
}

// cost is what one connection takes of the gateway's memory, in bytes.
type cost struct {
	heap, stacks, resident uint64
	goroutines             float64
}

func perConnection(before, after memory, n int) cost {
	each := func(before, after uint64) uint64 { return (max(after, before) - before) / uint64(n) }
	return cost{each(before.Heap, after.Heap), each(before.Stacks, after.Stacks), each(before.Resident, after.Resident),
		float64(after.Goroutines-before.Goroutines) / float64(n)}
}

// stream is a time in which facts were appended.
type stream struct {
	// Sorted: how long facts took to be stored, from before that until a client
	// had them, and from when they were stored until then. The last may be
	// negative: the news may come before the acknowledgement.
	stored, took, passed []time.Duration
	appending, catching  time.Duration
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)].Round(10 * time.Microsecond)
}

func rate(n int, d time.Duration) int { return int(float64(n) / d.Seconds()) }

func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	kept := func(c cost) string {
		return fmt.Sprintf("heap %.1f KB, stacks %.1f KB in %.1f goroutines, resident %.1f KB",
			float64(c.heap)/1024, float64(c.stacks)/1024, c.goroutines, float64(c.resident)/1024)
	}
	row("clients, jobs", "%d, %d", r.load.Clients, r.load.Jobs)
	row("connections", "%d a second", rate(r.load.Clients, r.connecting))
	row("a connection, connected", "%s", kept(r.idle))
	row("a connection, following a job", "%s (target: heap %d KB)", kept(r.following), targetMemory>>10)
	row("replay", "%d facts a second, %d clients in %s", rate(r.replayed, r.replaying), r.load.Clients, r.replaying.Round(time.Millisecond))
	for _, s := range []struct {
		name string
		stream
	}{{"undisturbed", r.quiet}, {"gateway replaced", r.replaced}} {
		row(s.name+": appended", "%d facts a second; to be stored p50 %s, p99 %s", rate(len(s.stored), s.appending), percentile(s.stored, 50), percentile(s.stored, 99))
		row(s.name+": publish to receive", "p50 %s, p99 %s of %d live facts", percentile(s.took, 50), percentile(s.took, 99), len(s.took))
		row(s.name+": stored to receive", "p50 %s, p99 %s", percentile(s.passed, 50), percentile(s.passed, 99))
	}
	row("p99 target", "%s undisturbed", targetLatency)
	row("replacement", "listening after %s; all caught up %s after the last fact; %d connections made again",
		r.replacing.Round(time.Millisecond), r.replaced.catching.Round(time.Millisecond), r.again)
	row("sequences", "each client got exactly its job's: %d facts in all", r.facts)
	return w.Flush()
}
