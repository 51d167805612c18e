package gateway

// Routed returns the newest sequence that has gone out to clients.
func (g *Gateway) Routed() uint64 { return g.last.Load() }

// Connections returns how many clients there are.
func (g *Gateway) Connections() int { return len(g.hub.connections()) }
