// Package mail tells people by e-mail that a job of theirs has ended or waits for approval,
// and that a job waits for theirs. Each of these facts is sent to each person once at most,
// as far as SMTP allows. A message has counts and links, and nothing of any row.
//
// It follows the log, and sends apart from that: a server that is away holds up nothing but
// e-mail.
package mail

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/mail/settings"
)

// Config is what the service works with.
type Config struct {
	// JetStream has the stream of facts and the consumer mail. Required.
	JetStream jetstream.JetStream
	// DB has the tables notifications and mails. Required.
	DB *sqlx.DB
	// Policy says who may approve what. Required.
	Policy *access.Policy
	// Server takes the messages; nil sends none, and what happens meanwhile is never told.
	Server *Server
	// PublicURL is where people reach rollcall, without a slash at its end. Required with
	// Server.
	PublicURL string
	// Waits are the waits after the first failed attempt of a message and each later one, of
	// which the last repeats; nil means DefaultWaits.
	Waits []time.Duration
	// FirstRedial is the wait after a server could not be reached. Each later one is twice as
	// long, up to five minutes. 0 means 5 s.
	FirstRedial time.Duration
	// MaxAge is how long after an event people are told of it; 0 means 24 h.
	MaxAge time.Duration
	// Poll is how often the service reads due messages; 0 means 1 s.
	Poll time.Duration
	// Now is the clock that says how long ago an event was; nil means time.Now.
	Now func() time.Time
	// Observe is told of each result, one of Results; nil tells nobody.
	Observe func(result string)
	// Logger gets what could not be sent, by job; nil discards.
	Logger *slog.Logger
}

// DefaultWaits are for servers that ask to come again, as greylisting does.
var DefaultWaits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}

const (
	maxRedial = 5 * time.Minute
	// keepEnded is how long it is kept whether a message was sent. It is longer than an event
	// can be delivered again.
	keepEnded  = 30 * 24 * time.Hour
	sweepEvery = time.Hour
)

// Results of messages, as Observe is told of them.
const (
	resultSent = "sent"
	// resultRetried: the server asks to come again, or the connection was lost.
	resultRetried = "retried"
	// resultFailed: the server refuses the message for good, or took none for MaxAge.
	resultFailed = "failed"
	// resultUnknown: the connection was lost when the server had all of the message.
	resultUnknown = "unknown"
	// resultDropped: the person need not be told any more.
	resultDropped = "dropped"
	// resultUnreachable: the server could not be reached, or refused the password.
	resultUnreachable = "unreachable"
)

// Results are all that Observe may be told of.
var Results = []string{resultSent, resultRetried, resultFailed, resultUnknown, resultDropped, resultUnreachable}

// Service makes and sends messages.
type Service struct {
	cfg    Config
	log    *events.Log
	people *settings.Store
	wake   chan struct{}
}

// New returns the service. It connects to nothing.
func New(cfg Config) *Service {
	cfg.FirstRedial = cmp.Or(cfg.FirstRedial, 5*time.Second)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, 24*time.Hour)
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	if cfg.Waits == nil {
		cfg.Waits = DefaultWaits
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string) {}
	}
	cfg.Logger = events.Logger(cfg.Logger).With("service", "mail")
	return &Service{
		cfg: cfg, log: events.NewLog(cfg.JetStream, "mail", cfg.Logger), people: settings.NewStore(cfg.DB),
		wake: make(chan struct{}, 1),
	}
}

// Run works until ctx ends. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.enqueue(ctx) })
	if s.cfg.Server != nil {
		group.Go(func() error { return s.deliver(ctx) })
	}
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
