package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/services/postgres"
)

// Infrastructure is what services stand on: NATS as each of its users, and the
// database. Closing it undoes what opening it did, last first.
type Infrastructure struct {
	logger    *slog.Logger
	passwords map[string]string // of NATS, by user
	storeKey  string            // of an embedded NATS
	connect   func(user string) (jetstream.JetStream, error)
	// db is the database that was opened, roles what there is instead of it for the
	// services that have a role of their own.
	db    *sqlx.DB
	roles map[string]*sqlx.DB
	// embedded is the NATS server of this process, nil where there is none.
	embedded *embedded.Server
	// watchers run until something that was opened has failed, or their context ends.
	watchers []func(context.Context) error
	closers  []func() error
}

// NewInfrastructure returns one that has neither NATS nor a database yet. A nil logger
// discards.
func NewInfrastructure(s Secrets, logger *slog.Logger) *Infrastructure {
	return &Infrastructure{logger: events.Logger(logger), passwords: s.NATS, storeKey: s.NATSStoreKey}
}

// What a process is not started without.
var (
	errNoNATS     = errors.New("no NATS: give --nats")
	errNoDatabase = errors.New("no database: give --database")
	errNoIEC      = errors.New("no IEC: give --iec-url; rollcall iec-sim runs a simulator")
	errNoCacheKey = errors.New(
		"no key for the IEC's answers: set ROLLCALL_IEC_CACHE_KEY, the same for all replicas of iec")
)

// closeLater registers what Close has to do.
func (in *Infrastructure) closeLater(f func() error) { in.closers = append(in.closers, f) }

// Close closes what was opened.
func (in *Infrastructure) Close() (err error) {
	for i := len(in.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, in.closers[i]())
	}
	in.closers = nil
	return err
}

// UseNATS has NATS connect to a server of its own. It does not connect yet.
func (in *Infrastructure) UseNATS(s NATSSettings) {
	in.connect = func(user string) (jetstream.JetStream, error) {
		return events.Connect(events.Connection{
			URL: s.URL, User: user, Password: in.passwords[user], Logger: in.logger,
			CA: s.CA, Cert: s.Cert, Key: s.Key,
		})
	}
}

// NATS connects as one user of nats.conf. The connection is drained by Close.
func (in *Infrastructure) NATS(user string) (jetstream.JetStream, error) {
	if in.connect == nil {
		return nil, errNoNATS
	}
	js, err := in.connect(user)
	if err != nil {
		return nil, err
	}
	in.closeLater(func() error { return drain(js) })
	return js, nil
}

// drainTime is how long the last messages may take to be sent.
const drainTime = 5 * time.Second

func drain(js jetstream.JetStream) error {
	nc := js.Conn()
	closed := nc.StatusChanged()
	if err := nc.Drain(); err != nil {
		nc.Close() // not connected: there is nothing to flush
		return nil
	}
	timeout := time.After(drainTime)
	for !nc.IsClosed() {
		select {
		case <-closed:
		case <-timeout:
			nc.Close()
			return fmt.Errorf("nats connection did not drain in %s", drainTime)
		}
	}
	return nil
}

// Provision makes the streams, buckets and consumers, or brings them up to date.
func (in *Infrastructure) Provision(ctx context.Context, s ProvisionSettings) error {
	js, err := in.connect("provisioner")
	if err != nil {
		return err
	}
	cfg := s.Config()
	cfg.Logger = in.logger
	err = events.Provision(ctx, js, cfg)
	return errors.Join(err, drain(js))
}

// ProvisionAudit brings the streams of the audit up to date, as the one user who may do
// so. Without its password they stay as they are.
func (in *Infrastructure) ProvisionAudit(ctx context.Context, s ProvisionSettings) error {
	if in.embedded == nil && in.passwords["auditor"] == "" {
		return nil
	}
	js, err := in.connect("auditor")
	if err != nil {
		return err
	}
	return errors.Join(events.ProvisionAudit(ctx, js, s.Config()), drain(js))
}

// OpenDatabase opens the pool, without touching the tables. Close closes it.
func (in *Infrastructure) OpenDatabase(ctx context.Context, url string) (*sqlx.DB, error) {
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	in.db = db
	in.closeLater(db.Close)
	return db, nil
}
