package gateway

import "sync/atomic"

// Stats is what a gateway has in hand, and what it has done since it was made.
type Stats struct {
	Connections, Subscriptions int
	// Sent is frames that were written to clients.
	Sent uint64
	// Conflated is progress that was not sent because newer progress of the job,
	// or a fact, made it outdated.
	Conflated uint64
	// Dropped is facts and answers for which a slow client had no room. It is
	// disconnected, and asks for them again.
	Dropped uint64
}

// counts are the sums of all connections.
type counts struct{ sent, conflated, dropped atomic.Uint64 }

// Stats counts at the moment.
func (g *Gateway) Stats() Stats {
	connections, subscriptions := g.hub.size()
	return Stats{
		Connections: connections, Subscriptions: subscriptions,
		Sent: g.sums.sent.Load(), Conflated: g.sums.conflated.Load(), Dropped: g.sums.dropped.Load(),
	}
}
