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

// report has what was measured.
type report struct {
	load                  load
	before                memory
	connecting, replaying time.Duration
	replayed              int
	idle, following       cost
	undisturbed, replaced measurement
	replacing             time.Duration
	facts                 int // received by all clients together
	reconnects            int // of all clients together
}

// cost is what one connection takes in the gateway. Memory is in bytes.
type cost struct {
	heap, stacks, resident uint64
	goroutines             float64
}

func costPerConnection(before, after memory, n int) cost {
	each := func(before, after uint64) uint64 { return (max(after, before) - before) / uint64(n) }
	return cost{each(before.Heap, after.Heap), each(before.Stacks, after.Stacks), each(before.Resident, after.Resident),
		float64(after.Goroutines-before.Goroutines) / float64(n)}
}

// measurement is of a time in which facts were appended.
type measurement struct {
	// How long it took to store a fact, from its publishing until a client had it, and
	// from its storing until then. The last may be negative, for a client may have the
	// fact before the server has acknowledged it. All are sorted.
	stored, published, delivered []time.Duration
	appending, catchingUp        time.Duration
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)].Round(10 * time.Microsecond)
}

func perSecond(n int, d time.Duration) int { return int(float64(n) / d.Seconds()) }

func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	format := func(c cost) string {
		return fmt.Sprintf("heap %.1f KB, stacks %.1f KB in %.1f goroutines, resident %.1f KB",
			float64(c.heap)/1024, float64(c.stacks)/1024, c.goroutines, float64(c.resident)/1024)
	}
	row("clients, jobs", "%d by %s, %d", r.load.Clients, r.load.Transport, r.load.Jobs)
	row("connections", "%d a second", perSecond(r.load.Clients, r.connecting))
	row("a connection, connected", "%s", format(r.idle))
	row("a connection, following a job", "%s (target: heap %d KB)", format(r.following), targetMemory>>10)
	row("replay", "%d facts a second, %d clients in %s",
		perSecond(r.replayed, r.replaying), r.load.Clients, r.replaying.Round(time.Millisecond))
	for _, s := range []struct {
		name string
		measurement
	}{{"undisturbed", r.undisturbed}, {"gateway replaced", r.replaced}} {
		row(s.name+": appended", "%d facts a second; to be stored p50 %s, p99 %s",
			perSecond(len(s.stored), s.appending), percentile(s.stored, 50), percentile(s.stored, 99))
		row(s.name+": publish to receive", "p50 %s, p99 %s of %d live facts",
			percentile(s.published, 50), percentile(s.published, 99), len(s.published))
		row(s.name+": stored to receive", "p50 %s, p99 %s", percentile(s.delivered, 50), percentile(s.delivered, 99))
	}
	row("p99 target", "%s undisturbed", targetLatency)
	row("replacement", "listening after %s; all caught up %s after the last fact; %d reconnects",
		r.replacing.Round(time.Millisecond), r.replaced.catchingUp.Round(time.Millisecond), r.reconnects)
	row("sequences", "each client received exactly the facts of its job: %d in all", r.facts)
	return w.Flush()
}
