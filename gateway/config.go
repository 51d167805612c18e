package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/security"
	"rollcall.example/gateway/auth"
)

// What zero limits mean, and what the program's flags do.
const (
	DefaultConnections     = 20_000
	DefaultUserConnections = 100
)

// Config says how a gateway works. The zero value of a limit or a time means the default
// that the field names.
type Config struct {
	// JetStream is a connection as the user gateway, who may read BULK and
	// BULK_PROGRESS by direct get and hear live.bulk.>. Required.
	JetStream jetstream.JetStream
	// History are more connections as the same user, for reading histories; none means
	// JetStream. On each connection the server reads and sends histories one after the
	// other: on that of the live feed they would delay everybody's news.
	History []jetstream.JetStream
	// Verifier checks tokens. Required.
	Verifier *auth.Verifier
	// Policy says what each role may do; nil means the default one.
	Policy *access.Policy
	// Origins are the hosts, other than the server's own, whose pages may open a
	// WebSocket. Such a page can act as whoever visits it.
	Origins []string
	// Queue is how many facts may wait for a slow client before it is disconnected;
	// 0 means 256.
	Queue int
	// Subscriptions is how many jobs one connection may follow; 0 means 100.
	Subscriptions int
	// Connections is how many clients there may be in all; 0 means DefaultConnections.
	Connections int
	// UserConnections is how many connections one user may have here; 0 means
	// DefaultUserConnections.
	UserConnections int
	// Returns is how many clients a second a gateway that ends asks to come back; 0
	// means 6,000. Each client is told its own wait.
	Returns int
	// Readers is how many histories are read at once; 0 means 32.
	Readers int
	// AuthTimeout is how long a connection may stay without a token; 0 means 10 s.
	AuthTimeout time.Duration
	// PingInterval is the time between pings; 0 means 30 s. A client that does not
	// answer within WriteTimeout is disconnected.
	PingInterval time.Duration
	// WriteTimeout is how long a client may take for one frame; 0 means 10 s.
	WriteTimeout time.Duration
	// CheckInterval is how often the feed asks whether a message got lost; 0 means 1 s.
	CheckInterval time.Duration
	// TrustedProxies are those whose X-Forwarded-For is believed; nil means none.
	TrustedProxies []netip.Prefix
	// Watch hears of refusals; nil means that nobody watches.
	Watch *security.Watch
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// ObserveFanOut is called for each fact with the time from when it was stored until
	// it was in the queues of all who follow its job; nil means that nobody measures.
	ObserveFanOut func(time.Duration)
}

// validate names each field that is missing or negative.
func (c Config) validate() error {
	return errors.Join(
		required("JetStream", c.JetStream != nil), required("Verifier", c.Verifier != nil),
		notNegative("Queue", c.Queue), notNegative("Subscriptions", c.Subscriptions),
		notNegative("Connections", c.Connections), notNegative("UserConnections", c.UserConnections),
		notNegative("Returns", c.Returns), notNegative("Readers", c.Readers), notNegative("AuthTimeout", c.AuthTimeout),
		notNegative("PingInterval", c.PingInterval), notNegative("WriteTimeout", c.WriteTimeout),
		notNegative("CheckInterval", c.CheckInterval),
	)
}

func required(name string, given bool) error {
	if !given {
		return fmt.Errorf("%s is required", name)
	}
	return nil
}

func notNegative[T int | time.Duration](name string, value T) error {
	if value < 0 {
		return fmt.Errorf("%s must be at least 0, not %v", name, value)
	}
	return nil
}

// withDefaults returns c with a value for each field that was left out.
func (c Config) withDefaults() Config {
	if c.Policy == nil {
		c.Policy = access.Default()
	}
	c.Queue = cmp.Or(c.Queue, 256)
	c.Subscriptions = cmp.Or(c.Subscriptions, 100)
	c.Connections = cmp.Or(c.Connections, DefaultConnections)
	c.UserConnections = cmp.Or(c.UserConnections, DefaultUserConnections)
	c.Returns = cmp.Or(c.Returns, 6_000)
	c.Readers = cmp.Or(c.Readers, 32)
	c.AuthTimeout = cmp.Or(c.AuthTimeout, 10*time.Second)
	c.PingInterval = cmp.Or(c.PingInterval, 30*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.CheckInterval = cmp.Or(c.CheckInterval, time.Second)
	if len(c.History) == 0 {
		c.History = []jetstream.JetStream{c.JetStream}
	}
	c.Logger = events.Logger(c.Logger)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
