package gateway

import "sync/atomic"

// Stats is what a gateway serves now, and what it has done since it was made.
type Stats struct {
	Connections, Subscriptions int
	// Sent counts frames written to clients.
	Sent uint64
	// Conflated counts progress that was not sent because newer progress of the job,
	// or a fact, outdated it.
	Conflated uint64
	// Dropped counts facts and replies for which a slow client had no room. Such a
	// client is disconnected, and asks for them again.
	Dropped uint64
	// Refused counts refused connections by reason: token, origin, handshake,
	// connections, user_connections, feed.
	Refused map[string]uint64
}

// reason is why a connection was refused.
type reason int

const (
	reasonToken     reason = iota // the token is not valid, or none came in time
	reasonOrigin                  // the page is of a host that is not allowed
	reasonHandshake               // no WebSocket, or a Socket.IO that is not supported
	reasonFull                    // the gateway is full
	reasonUser                    // the user has too many connections
	reasonFeed                    // the live feed is down, or the gateway ends
)

// reasonNames are the names of the reasons in Stats.
var reasonNames = [...]string{"token", "origin", "handshake", "connections", "user_connections", "feed"}

// counters count for all connections together.
type counters struct {
	sent, conflated, dropped atomic.Uint64
	refused                  [len(reasonNames)]atomic.Uint64
}

func (g *Gateway) countRefusal(why reason) { g.counters.refused[why].Add(1) }

// Stats returns the figures of this moment.
func (g *Gateway) Stats() Stats {
	connections, subscriptions := g.hub.count()
	refused := map[string]uint64{}
	for why, name := range reasonNames {
		refused[name] = g.counters.refused[why].Load()
	}
	return Stats{
		Connections: connections, Subscriptions: subscriptions,
		Sent: g.counters.sent.Load(), Conflated: g.counters.conflated.Load(),
		Dropped: g.counters.dropped.Load(), Refused: refused,
	}
}
