// Package webhook posts the events of jobs to integrators' servers. Each event that a
// webhook asks for is sent as a CloudEvent, signed by Standard Webhooks, and retried
// until the server accepts it. A delivery may come twice, with the same webhook-id.
package webhook

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
)

// Config is what the service works with.
type Config struct {
	// JetStream has the stream of facts and the consumer webhook. Required.
	JetStream jetstream.JetStream
	// DB has the tables webhooks and webhook_deliveries. Required.
	DB *sqlx.DB
	// Private allows deliveries to private addresses too. Anybody who may register a
	// webhook can then have requests made inside the network.
	Private bool
	// Concurrency is the number of deliveries at once, at most one per webhook; 0 means
	// 16.
	Concurrency int
	// Timeout limits one attempt; 0 means 15 s.
	Timeout time.Duration
	// Waits are the waits before the second attempt of a delivery and each later one,
	// where the receiver takes others; nil means DefaultWaits.
	Waits []time.Duration
	// FirstProbe is the wait before a receiver that has failed is tried again. Each
	// later wait is twice as long, up to ten minutes. 0 means 5 s.
	FirstProbe time.Duration
	// MaxFailing is how long a receiver may fail before its webhook is disabled. Time
	// in which nothing was tried does not count. 0 means 72 h.
	MaxFailing time.Duration
	// Poll is how often the service reads due deliveries; 0 means 1 s.
	Poll time.Duration
	// Tracer makes a span of each attempt, below the span that stored the event; nil
	// records nothing. The receiver does not get the trace.
	Tracer trace.Tracer
	// Logger gets failed deliveries and disabled webhooks; nil discards.
	Logger *slog.Logger
	// Now is the clock of the signatures; nil means time.Now.
	Now func() time.Time

	resolver *net.Resolver // for tests; nil means the system's
}

// DefaultWaits spread ten attempts over three days.
var DefaultWaits = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// maxProbe is the longest wait before a receiver that fails is tried again.
const maxProbe = 10 * time.Minute

// keepDeliveries is how long ended deliveries are kept for their list.
const keepDeliveries = 30 * 24 * time.Hour

// Service enqueues and makes deliveries.
type Service struct {
	cfg    Config
	client *http.Client
	wake   chan struct{}
}

// New returns the service. It connects to nothing.
func New(cfg Config) *Service {
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 16)
	cfg.Timeout = cmp.Or(cfg.Timeout, 15*time.Second)
	cfg.FirstProbe = cmp.Or(cfg.FirstProbe, 5*time.Second)
	cfg.MaxFailing = cmp.Or(cfg.MaxFailing, 72*time.Hour)
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	if cfg.Waits == nil {
		cfg.Waits = DefaultWaits
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Tracer = cmp.Or(cfg.Tracer, events.Tracer(nil))
	cfg.Logger = events.Logger(cfg.Logger).With("service", "webhook")
	return &Service{cfg: cfg, client: newClient(cfg), wake: make(chan struct{}, 1)}
}

// Run works until ctx ends. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.enqueue(ctx) })
	group.Go(func() error { return s.deliver(ctx) })
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
