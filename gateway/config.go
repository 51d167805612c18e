package gateway

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/gateway/auth"
)

// Config is what a gateway works with.
type Config struct {
	// JetStream is a connection as the user gateway: it may read BULK and
	// BULK_PROGRESS by direct get and hear live.bulk.>. Required.
	JetStream jetstream.JetStream
	// History are further connections as the same user, over which histories
	// are read; none means JetStream. The server reads histories, and sends
	// them, one after the other on each connection: on that of the live feed
	// they would hold up everybody's news.
	History []jetstream.JetStream
	// Verifier checks tokens. Required.
	Verifier *auth.Verifier
	// Origins are the hosts, other than the server's own, whose pages may open
	// a WebSocket. A page of any other host could act as whoever visits it.
	Origins []string
	// Queue is how many facts may wait for a slow client before it is
	// disconnected; 0 means 256.
	Queue int
	// Subscriptions is how many jobs one connection may follow; 0 means 100.
	Subscriptions int
	// Connections is how many clients there may be in all; 0 means 20,000.
	Connections int
	// UserConnections is how many connections one user may have here; 0 means 100.
	UserConnections int
	// Readers is how many histories are read at once; 0 means 32.
	Readers int
	// AuthTimeout is how long a connection may go without a token; 0 means 10 s.
	AuthTimeout time.Duration
	// PingEvery is the time between pings; 0 means 30 s. Who does not answer
	// within WriteTimeout is gone.
	PingEvery time.Duration
	// WriteTimeout is the time for a client to take one frame; 0 means 10 s.
	WriteTimeout time.Duration
	// Watch is how often the feed asks whether it missed something; 0 means 1 s.
	Watch time.Duration
	// Logger must be set.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// FannedOut hears how long after a fact was stored it was in the queues of all
	// who follow its job; nil means that nobody measures.
	FannedOut func(time.Duration)
}

func (c Config) complete() (Config, error) {
	if c.JetStream == nil || c.Verifier == nil || c.Logger == nil {
		return c, errors.New("gateway: JetStream, Verifier and Logger are required")
	}
	if min(c.Queue, c.Subscriptions, c.Readers, c.Connections, c.UserConnections) < 0 || min(c.AuthTimeout, c.PingEvery, c.WriteTimeout, c.Watch) < 0 {
		return c, errors.New("gateway: limits and times must not be negative")
	}
	c.Queue = cmp.Or(c.Queue, 256)
	c.Subscriptions = cmp.Or(c.Subscriptions, 100)
	c.Connections = cmp.Or(c.Connections, 20_000)
	c.UserConnections = cmp.Or(c.UserConnections, 100)
	c.Readers = cmp.Or(c.Readers, 32)
	c.AuthTimeout = cmp.Or(c.AuthTimeout, 10*time.Second)
	c.PingEvery = cmp.Or(c.PingEvery, 30*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.Watch = cmp.Or(c.Watch, time.Second)
	if len(c.History) == 0 {
		c.History = []jetstream.JetStream{c.JetStream}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}
