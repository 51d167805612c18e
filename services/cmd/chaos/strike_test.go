package chaos

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// targets are the names of what can be killed, and of the lines.
func (h *house) targets() (processes, lines []string) {
	processes = append(processes, "postgres")
	for name := range h.running {
		processes = append(processes, name)
	}
	for name := range h.lines {
		lines = append(lines, name)
	}
	slices.Sort(processes)
	slices.Sort(lines)
	return processes, lines
}

// strike does what a plan says.
func (h *house) strike(s strike) error {
	if s.fault != "" {
		count(&h.broken, s.target)
		return h.lines[s.target].strike(s.fault, s.lasts)
	}
	kill := h.database.kill
	if s.target != "postgres" {
		kill = h.running[s.target].kill
	}
	killed, err := kill(s.lasts)
	if killed {
		count(&h.kills, s.target)
	}
	if err != nil {
		return fmt.Errorf("kill %s: %w", s.target, err)
	}
	return nil
}

func count(in *sync.Map, name string) {
	n, _ := in.LoadOrStore(name, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// counts sums up the counts of targets whose name begins so.
func counts(of *sync.Map, prefix string) (sum int) {
	of.Range(func(name, n any) bool {
		if strings.HasPrefix(name.(string), prefix) {
			sum += int(n.(*atomic.Int64).Load())
		}
		return true
	})
	return sum
}
