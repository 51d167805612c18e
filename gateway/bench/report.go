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
	targetReturn  = 30 * time.Second
)

// report has what was measured.
type report struct {
	load                  load
	before                memory
	connecting, replaying time.Duration
	replayed              int
	idle, following       cost
	undisturbed           measurement
	underLoad             uint64 // resident memory after that, without a collection
	killed, restarted     replacement
	facts                 int // received by all clients together
	reconnects            int // of all clients together
	lost                  int // by a peer: accepted and never received, all clients together
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
	// When clients had a connection again, when they had read what they had missed, and how
	// many attempts to connect failed.
	backs, caught []time.Time
	failed        int
}

// replacement is of a time in which the gateways were replaced.
type replacement struct {
	measurement
	begin             time.Time     // when they were told to end, or killed
	ending, listening time.Duration // from then until all had ended, and the others listened
	peak              uint64        // resident memory of the new ones, at most
}

// perSecondSince counts times by the second since begin.
func perSecondSince(begin time.Time, times []time.Time) (counts []int, last time.Duration) {
	for _, t := range times {
		since := max(t.Sub(begin), 0)
		for len(counts) <= int(since/time.Second) {
			counts = append(counts, 0)
		}
		counts[since/time.Second]++
		last = max(last, since)
	}
	return counts, last
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)].Round(10 * time.Microsecond)
}

func perSecond(n int, d time.Duration) int {
	if d == 0 {
		return 0
	}
	return int(float64(n) / d.Seconds())
}

// figures are what is compared with peers. Times are in milliseconds.
type figures struct {
	Name        string  `json:"name"`
	Clients     int     `json:"clients"`
	Connections int     `json:"connections_per_second"`
	Resident    float64 `json:"resident_kb"` // of a connection that follows
	P50         float64 `json:"p50_ms"`      // from publish to receive, undisturbed
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	Delivered99 float64 `json:"delivered_p99_ms"` // from stored or accepted to receive
	Published   int     `json:"published"`        // while it was killed and replaced, to each client's channel
	Lost        int     `json:"lost"`             // of all that clients should have
	Expected    int     `json:"expected"`
}

func (r *report) figures() figures {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	name := r.load.Peer
	if name == "" {
		name = "rollcall"
	}
	return figures{Name: name, Clients: r.load.Clients, Connections: perSecond(r.load.Clients, r.connecting),
		Resident: float64(r.following.resident) / 1024, P50: ms(percentile(r.undisturbed.published, 50)),
		P95: ms(percentile(r.undisturbed.published, 95)), P99: ms(percentile(r.undisturbed.published, 99)),
		Delivered99: ms(percentile(r.undisturbed.delivered, 99)), Published: len(r.killed.stored), Lost: r.lost,
		Expected: r.facts + r.lost}
}

func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	format := func(c cost) string {
		return fmt.Sprintf("heap %.1f KB, stacks %.1f KB in %.1f goroutines, resident %.1f KB",
			float64(c.heap)/1024, float64(c.stacks)/1024, c.goroutines, float64(c.resident)/1024)
	}
	row("clients, jobs, gateways", "%d by %s, %d, %d", r.load.Clients, r.load.Transport, r.load.Jobs, r.load.Gateways)
	row("connections", "%d a second", perSecond(r.load.Clients, r.connecting))
	row("a connection, connected", "%s", format(r.idle))
	row("a connection, following a job", "%s (target: resident %d KB)", format(r.following), targetMemory>>10)
	row("replay", "%d facts a second, %d clients in %s",
		perSecond(r.replayed, r.replaying), r.load.Clients, r.replaying.Round(time.Millisecond))
	row("under load, without a collection", "resident %.1f KB a connection, %.1f MB without any",
		float64(r.underLoad-min(r.before.Resident, r.underLoad))/1024/float64(r.load.Clients),
		float64(r.before.Resident)/(1<<20))
	for _, s := range []struct {
		name string
		measurement
	}{{"undisturbed", r.undisturbed}, {"killed", r.killed.measurement}, {"restarted", r.restarted.measurement}} {
		if len(s.stored) == 0 {
			continue
		}
		row(s.name+": appended", "%d facts a second; to be stored p50 %s, p99 %s",
			perSecond(len(s.stored), s.appending), percentile(s.stored, 50), percentile(s.stored, 99))
		row(s.name+": publish to receive", "p50 %s, p95 %s, p99 %s of %d live facts",
			percentile(s.published, 50), percentile(s.published, 95), percentile(s.published, 99), len(s.published))
		row(s.name+": stored to receive", "p50 %s, p95 %s, p99 %s",
			percentile(s.delivered, 50), percentile(s.delivered, 95), percentile(s.delivered, 99))
	}
	row("p99 target", "%s undisturbed", targetLatency)
	for _, s := range []struct {
		name string
		replacement
	}{{"killed", r.killed}, {"restarted", r.restarted}} {
		if s.begin.IsZero() {
			continue
		}
		backs, back := perSecondSince(s.begin, s.backs)
		_, caught := perSecondSince(s.begin, s.caught)
		row(s.name+": replacement", "ended after %s, listening after %s, all back after %s, caught up after %s (target: %s)",
			s.ending.Round(time.Millisecond), s.listening.Round(time.Millisecond), back.Round(time.Millisecond),
			caught.Round(time.Millisecond), targetReturn)
		row(s.name+": connections by the second", "%v; %d attempts failed", backs, s.failed)
		row(s.name+": the new gateways' peak", "%.1f KB a connection", float64(s.peak)/1024/float64(r.load.Clients))
	}
	row("reconnects", "%d", r.reconnects)
	if r.load.Peer != "" {
		row("lost", "%d of %d messages that were accepted", r.lost, r.facts+r.lost)
		return w.Flush()
	}
	if r.facts > 0 {
		row("sequences", "each client received exactly the facts of its job: %d in all", r.facts)
	}
	return w.Flush()
}
