package gateway

import (
	"testing"
	"time"
)

// Clients come back one after the other, and not before a gateway on a busy machine has told
// the last of them.
func TestNobodyComesBackBeforeAllHaveBeenTold(t *testing.T) {
	const clients, returns = 10_000, 5_000
	for name, perClient := range map[string]time.Duration{
		"at once":         0,
		"a quiet machine": 20 * time.Microsecond,
		"a busy machine":  time.Millisecond,
	} {
		l := newLeaving(clients, returns)
		end := max(clients*perClient, l.least)
		early, last := 0, time.Duration(0)
		for i := range clients {
			passed := time.Duration(i) * perClient
			back := passed + l.next(l.begun.Add(passed))
			if back < end*3/4 {
				early++
			}
			last = max(last, back)
		}
		if early > clients/10 { // the first, while the pace is not known
			t.Errorf("%s: %d of %d come back before all have been told", name, early, clients)
		}
		if most := end + clients/returns*time.Second + end/4; last > most {
			t.Errorf("%s: the last comes back after %s, want at most %s", name, last, most)
		}
	}
}

// Who is told first while nothing is known of the pace does not wait for ever.
func TestTheFirstWhoIsToldDoesNotWaitLong(t *testing.T) {
	l := newLeaving(10_000, 5_000)
	if wait := l.next(l.begun.Add(50 * time.Millisecond)); wait > 4*time.Second {
		t.Errorf("waits %s", wait)
	}
}
