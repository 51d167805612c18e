package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// strike is one thing that goes wrong.
type strike struct {
	at time.Duration // since the beginning
	// target is the process that is killed, or the line that is broken.
	target string
	// fault is what befalls a line; "" is a kill.
	fault fault
	// lasts is for how long the process is down, or the line broken.
	lasts time.Duration
}

func (s strike) String() string {
	what := string(s.fault)
	if what == "" {
		what = "kill"
	}
	return fmt.Sprintf("%6.2fs %-5s %-20s %4dms", s.at.Seconds(), what, s.target, s.lasts.Milliseconds())
}

// plan is all that follows from a seed.
type plan struct {
	files   []*file
	uploads []time.Duration // when each file is sent, since the beginning
	strikes []strike
}

// newPlan kills each process at least once and goes on with random ones, and
// breaks lines as often, within a span.
func newPlan(o options, processes, lines []string) plan {
	r := rand.New(rand.NewPCG(o.seed, 7))
	p := plan{files: makeFiles(r, o.jobs, o.rows)}
	within := func(share float64) time.Duration { return time.Duration(share * r.Float64() * float64(o.span)) }
	for range o.jobs {
		p.uploads = append(p.uploads, within(0.8))
	}
	slices.Sort(p.uploads)
	for i := range max(len(processes), int(o.span/(2*time.Second))) {
		if i%len(processes) == 0 {
			processes = slices.Clone(processes)
			r.Shuffle(len(processes), func(a, b int) { processes[a], processes[b] = processes[b], processes[a] })
		}
		p.strikes = append(p.strikes, strike{at: within(1), target: processes[i%len(processes)], lasts: 50*time.Millisecond + upTo(r, o.down)})
	}
	for i := range max(len(lines), int(o.span/(2*time.Second))) {
		if i%len(lines) == 0 {
			lines = slices.Clone(lines)
			r.Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
		}
		line := lines[i%len(lines)]
		kinds := faults
		if strings.Contains(line, "iec") {
			kinds = single
		}
		p.strikes = append(p.strikes, strike{at: within(1), target: line, fault: kinds[r.IntN(len(kinds))], lasts: 50*time.Millisecond + upTo(r, o.down)})
	}
	slices.SortStableFunc(p.strikes, func(a, b strike) int { return int(a.at - b.at) })
	return p
}

func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
