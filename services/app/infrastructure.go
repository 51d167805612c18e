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
	connect   func(user string) (jetstream.JetStream, error)
	// db is the database that was opened, roles what there is instead of it for the
	// services that have a role of their own.
	db    *sqlx.DB
	roles map[string]*sqlx.DB
	// embedded is the NATS server of this process, nil where there is none.
	embedded *embedded.Server
	closers  []func() error
}

// NewInfrastructure returns one that has neither NATS nor a database yet. A nil logger
// discards.
func NewInfrastructure(s Secrets, logger *slog.Logger) *Infrastructure {
	return &Infrastructure{logger: events.Logger(logger), passwords: s.NATS}
}

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
		return nil, errors.New("no NATS: give --nats")
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
	err = events.Provision(ctx, js, s.Config())
	return errors.Join(err, drain(js))
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

// privatePostgres starts a PostgreSQL of the process's own.
func (a *App) privatePostgres(ctx context.Context, dir *dataFolder) (*postgres.Server, error) {
	srv, err := postgres.Start(ctx, postgres.Config{Dir: dir.join("postgres"), Logger: a.logger})
	if err != nil {
		return nil, err
	}
	a.closeLater(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return srv.Stop(ctx)
	})
	a.run = append(a.run, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-srv.Done():
			return fmt.Errorf("the private PostgreSQL has stopped, its log is in %s: %w", dir.join("postgres"), srv.Err())
		}
	})
	return srv, nil
}

// ownRoles brings the tables of the process's own PostgreSQL up to date, as their
// owner, and connects each service as its role, with a password that is made up and
// kept in the data folder. It returns the URL of the role of privacy.
func (a *App) ownRoles(ctx context.Context, srv *postgres.Server, dir *dataFolder) (privacyURL string, err error) {
	owner, err := postgres.Open(ctx, srv.URL())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, owner.Close()) }()
	if err := postgres.Migrate(ctx, owner); err != nil {
		return "", err
	}
	passwords := map[string]string{}
	for _, service := range postgres.RoleServices() {
		if passwords[service], err = dir.secret("database-password-" + service); err != nil {
			return "", err
		}
	}
	if _, err := postgres.Grant(ctx, owner, passwords); err != nil {
		return "", err
	}
	a.roles = map[string]*sqlx.DB{}
	for service, password := range passwords {
		db, err := postgres.Open(ctx, srv.RoleURL(service, password))
		if err != nil {
			return "", fmt.Errorf("as role %s: %w", postgres.Role(service), err)
		}
		a.roles[service] = db
		a.closeLater(db.Close)
	}
	return srv.RoleURL("privacy", passwords["privacy"]), nil
}
