package security

import (
	"slices"
	"time"
)

// maxNames bounds a tally's memory. Names beyond it are not counted, and whoever had
// the most before them still has.
const maxNames = 10_000

// tally counts by name, in this window and the one before.
type tally struct {
	window       time.Duration
	begun        time.Time
	now, earlier map[string]int
}

// add counts one more of a name, and returns how many it has had.
func (t *tally) add(now time.Time, name string) int {
	t.roll(now)
	if _, known := t.now[name]; known || len(t.now) < maxNames {
		t.now[name]++
	}
	return t.now[name] + t.earlier[name]
}

// most returns how many the name with the most has had.
func (t *tally) most(now time.Time) int {
	t.roll(now)
	counts := []int{0}
	for name, n := range t.now {
		counts = append(counts, n+t.earlier[name])
	}
	for _, n := range t.earlier {
		counts = append(counts, n)
	}
	return slices.Max(counts)
}

func (t *tally) roll(now time.Time) {
	switch age := now.Sub(t.begun); {
	case t.now == nil || age >= 2*t.window:
		t.begun, t.now, t.earlier = now, map[string]int{}, nil
	case age >= t.window:
		t.begun, t.now, t.earlier = now, map[string]int{}, t.now
	}
}
