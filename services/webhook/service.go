// Package webhook tells integrators' servers what became of jobs: each event that
// one asked for is posted as a CloudEvent, signed by Standard Webhooks, again and
// again until it is taken. A delivery may come twice; its webhook-id is then the
// same.
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
	// JetStream has the stream of facts and its consumer webhook.
	JetStream jetstream.JetStream
	// DB has the tables webhooks and webhook_deliveries.
	DB *sqlx.DB
	// Private lets deliveries go to private addresses, too. Whoever may register
	// a webhook can then have requests made inside of the network.
	Private bool
	// Concurrency is how many deliveries are under way at once, at most one of
	// each webhook; 0 means 16.
	Concurrency int
	// Timeout is for one attempt; 0 means 15 s.
	Timeout time.Duration
	// Waits are those before the second attempt and each after it; nil means
	// DefaultWaits.
	Waits []time.Duration
	// MaxFailures is after how many failed attempts in a row, over all of its
	// deliveries, a webhook is disabled; 0 means 50.
	MaxFailures int
	// Poll is how often the table is looked at for what is due; 0 means 1 s.
	Poll time.Duration
	// Tracer makes a span of each attempt, below that which stored the event; nil
	// records nothing. The receiver is not told of it.
	Tracer trace.Tracer
	// Logger must be set.
	Logger *slog.Logger
	// Now is the clock of the signatures; nil means time.Now.
	Now func() time.Time

	resolver *net.Resolver // of tests; nil means the system's
}

// DefaultWaits spread ten attempts over three days.
var DefaultWaits = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// kept is how long the list of deliveries goes back.
const kept = 30 * 24 * time.Hour

// Service makes deliveries.
type Service struct {
	cfg    Config
	client *http.Client
	wake   chan struct{}
}

// New returns the service; it does nothing until Run is called.
func New(cfg Config) *Service {
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 16)
	cfg.Timeout = cmp.Or(cfg.Timeout, 15*time.Second)
	cfg.MaxFailures = cmp.Or(cfg.MaxFailures, 50)
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	if cfg.Waits == nil {
		cfg.Waits = DefaultWaits
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Tracer = cmp.Or(cfg.Tracer, events.Tracer(nil))
	cfg.Logger = cfg.Logger.With("service", "webhook")
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
