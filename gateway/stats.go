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
	// Refused is connections that were turned away, by one of the reasons.
	Refused map[string]uint64
}

// away is why a connection was turned away.
type away int

const (
	awayToken     away = iota // its token is not valid, or it showed none in time
	awayOrigin                // the page is of a host that may not
	awayHandshake             // it is no WebSocket, or a Socket.IO that is not spoken
	awayFull                  // there are as many as there may be
	awayUser                  // its user has as many
	awayFeed                  // the live feed is not there, or the gateway ends
)

// reasons are the names of away.
var reasons = [...]string{"token", "origin", "handshake", "connections", "user_connections", "feed"}

// counts are the sums of all connections.
type counts struct {
	sent, conflated, dropped atomic.Uint64
	refused                  [len(reasons)]atomic.Uint64
}

func (g *Gateway) turnAway(why away) { g.sums.refused[why].Add(1) }

// Stats counts at the moment.
func (g *Gateway) Stats() Stats {
	connections, subscriptions := g.hub.size()
	refused := map[string]uint64{}
	for why, name := range reasons {
		refused[name] = g.sums.refused[why].Load()
	}
	return Stats{
		Connections: connections, Subscriptions: subscriptions,
		Sent: g.sums.sent.Load(), Conflated: g.sums.conflated.Load(), Dropped: g.sums.dropped.Load(), Refused: refused,
	}
}
