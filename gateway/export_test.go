package gateway

// Routed is the newest sequence that has gone out to clients.
func (g *Gateway) Routed() uint64 { return g.last.Load() }

// Connections is how many clients there are.
func (g *Gateway) Connections() int { return len(g.hub.connections()) }
