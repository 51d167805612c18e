package gateway

import (
	"sync/atomic"
	"time"
)

// leaving tells the clients of a gateway that ends when to come back, so that the gateway that
// takes its place gets them one after the other, the first when all have been told. Whoever
// came before that would find nobody, and keep the machine from telling the others.
type leaving struct {
	clients int
	apart   time.Duration // between two who come back
	least   time.Duration // that it takes to tell all
	begun   time.Time
	told    atomic.Int64
}

func newLeaving(clients, returns int) *leaving {
	return &leaving{clients: clients, apart: time.Second / time.Duration(returns),
		least: time.Duration(clients) * time.Second / closesPerSecond, begun: time.Now()}
}

// paceAfter is the part of the clients, as one of so many, whose pace counts as much as a
// first moment in which nobody has been told.
const paceAfter = 50

// next returns how long the client waits who is told now.
func (l *leaving) next(now time.Time) time.Duration {
	n := l.told.Add(1)
	passed := now.Sub(l.begun)
	all := int64(l.clients)
	telling := max(l.least, time.Duration(int64(passed)*all/(n+all/paceAfter)))
	return max(telling-passed, 0) + time.Duration(n-1)*l.apart
}
