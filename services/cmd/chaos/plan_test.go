package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is one thing that goes wrong.
type fault struct {
	at time.Duration // since the start
	// target is the process that is killed, the link that is broken, or a side.
	target string
	// kind is what happens to a link; "" is a kill.
	kind faultKind
	// lasts is how long the process is down or the link broken.
	lasts time.Duration
}

func (f fault) String() string {
	what := string(f.kind)
	if what == "" {
		what = "kill"
	}
	return fmt.Sprintf("%6.2fs %-5s %-20s %4dms", f.at.Seconds(), what, f.target, f.lasts.Milliseconds())
}

// plan is everything that a seed determines.
type plan struct {
	files   []*file
	uploads []time.Duration // when each file is sent, since the start
	faults  []fault
}

// newPlan kills each process at least once and then random ones, does the same to the
// links, and cuts a side off, within o.duration. Two or three faults come at once.
func newPlan(o options, processes, links []string) plan {
	r := rand.New(rand.NewPCG(o.seed, 7))
	p := plan{files: makeFiles(r, o.jobs, o.rows, 0)}
	randomTime := func(share float64) time.Duration {
		return time.Duration(share * r.Float64() * float64(o.duration))
	}
	for range o.jobs {
		p.uploads = append(p.uploads, randomTime(0.8))
	}
	slices.Sort(p.uploads)
	for i := range max(len(processes), int(o.duration/(2*time.Second))) {
		if i%len(processes) == 0 {
			processes = slices.Clone(processes)
			r.Shuffle(len(processes), func(a, b int) { processes[a], processes[b] = processes[b], processes[a] })
		}
		p.faults = append(p.faults, fault{target: processes[i%len(processes)],
			lasts: 50*time.Millisecond + randomUpTo(r, o.maxDown)})
	}
	for i := range max(len(links), int(o.duration/(2*time.Second))) {
		if i%len(links) == 0 {
			links = slices.Clone(links)
			r.Shuffle(len(links), func(a, b int) { links[a], links[b] = links[b], links[a] })
		}
		target := links[i%len(links)]
		kinds := allKinds
		if strings.Contains(target, "iec") {
			kinds = breakOnceKinds
		}
		p.faults = append(p.faults, fault{target: target, kind: kinds[r.IntN(len(kinds))],
			lasts: 50*time.Millisecond + randomUpTo(r, o.maxDown)})
	}
	for range max(2, int(o.duration/(10*time.Second))) {
		p.faults = append(p.faults, fault{target: fmt.Sprintf("%s-%d", sidePrefix, 1+r.IntN(replicas)), kind: lost,
			lasts: 50*time.Millisecond + randomUpTo(r, o.maxDown)})
	}
	r.Shuffle(len(p.faults), func(a, b int) { p.faults[a], p.faults[b] = p.faults[b], p.faults[a] })
	for begin := 0; begin < len(p.faults); {
		end := min(begin+2+r.IntN(2), len(p.faults))
		at := randomTime(1)
		for ; begin < end; begin++ {
			p.faults[begin].at = at
		}
	}
	slices.SortStableFunc(p.faults, func(a, b fault) int { return int(a.at - b.at) })
	return p
}

func randomUpTo(r *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(d)))
}
