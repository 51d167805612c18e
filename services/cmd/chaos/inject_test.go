package chaos

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// sidePrefix begins the target of a fault that hits all links of one replica of each
// service at once, as when the network splits.
const sidePrefix = "side"

// targets returns the names of the processes and of the links.
func (c *cluster) targets() (processes, links []string) {
	processes = append(processes, "postgres")
	for name := range c.processes {
		processes = append(processes, name)
	}
	for name := range c.links {
		links = append(links, name)
	}
	slices.Sort(processes)
	slices.Sort(links)
	return processes, links
}

// inject kills the process or breaks the link of a fault, or all links of a side.
func (c *cluster) inject(f fault) error {
	if strings.HasPrefix(f.target, sidePrefix) {
		var failed errgroup.Group
		for name, l := range c.links {
			if strings.Contains(name, strings.TrimPrefix(f.target, sidePrefix)+"/") {
				addOne(&c.breaks, name)
				failed.Go(func() error { return l.breakFor(f.kind, f.lasts) })
			}
		}
		return failed.Wait()
	}
	if f.kind != "" {
		addOne(&c.breaks, f.target)
		return c.links[f.target].breakFor(f.kind, f.lasts)
	}
	kill := c.database.killAndRestart
	if f.target != "postgres" {
		kill = c.processes[f.target].killFor
	}
	killed, err := kill(f.lasts)
	if killed {
		addOne(&c.kills, f.target)
	}
	if err != nil {
		return fmt.Errorf("kill %s: %w", f.target, err)
	}
	return nil
}

func addOne(in *sync.Map, name string) {
	n, _ := in.LoadOrStore(name, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// sumCounts adds up the counts of targets whose name begins with prefix.
func sumCounts(of *sync.Map, prefix string) (sum int) {
	of.Range(func(name, n any) bool {
		if strings.HasPrefix(name.(string), prefix) {
			sum += int(n.(*atomic.Int64).Load())
		}
		return true
	})
	return sum
}
