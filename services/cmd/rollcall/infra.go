package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/services/postgres"
)

// infra is what the services stand on: NATS as each of its users, and the
// database. Closing it undoes what opening it did, last first.
type infra struct {
	p       *process
	connect func(user string) (jetstream.JetStream, error)
	// db is the database as --database says, roles what there is instead of it for
	// the services that have a role of their own.
	db    *sqlx.DB
	roles map[string]*sqlx.DB
	// embedded is the NATS server of this process, nil where there is none.
	embedded *embedded.Server
	closers  []func() error
}

// later registers what close has to do.
func (in *infra) later(f func() error) { in.closers = append(in.closers, f) }

func (in *infra) close() (err error) {
	for i := len(in.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, in.closers[i]())
	}
	in.closers = nil
	return err
}

// user connects to NATS as one user of nats.conf. The connection is drained
// when the infra closes.
func (in *infra) user(name string) (jetstream.JetStream, error) {
	js, err := in.connect(name)
	if err != nil {
		return nil, err
	}
	in.later(func() error { return drain(js) })
	return js, nil
}

func drain(js jetstream.JetStream) error {
	nc := js.Conn()
	closed := nc.StatusChanged()
	if err := nc.Drain(); err != nil {
		nc.Close() // not connected: there is nothing to flush
		return nil
	}
	timeout := time.After(5 * time.Second)
	for !nc.IsClosed() {
		select {
		case <-closed:
		case <-timeout:
			nc.Close()
			return errors.New("nats connection did not drain in 5 s")
		}
	}
	return nil
}

// externalNATS connects to a server of its own, with the passwords that the
// environment has.
func (in *infra) externalNATS(s natsSettings) {
	in.connect = func(user string) (jetstream.JetStream, error) {
		return events.Connect(events.Connection{
			URL: s.NATS, User: user, Password: in.p.getenv(embedded.PasswordVariable(user)), Logger: in.p.log,
			CA: s.NATSCA, Cert: s.NATSCert, Key: s.NATSKey,
		})
	}
}

// privacyEnv is the file with which erase and export reach what up runs.
const privacyEnv = "privacy.env"

// cliEnv is the file with which the NATS CLI reaches an embedded server.
const cliEnv = "nats-cli.env"

// embeddedNATS starts a server in the process and leaves a file for the NATS
// CLI beside its streams.
func (in *infra) embeddedNATS(dir *dataDir, c *upCmd) error {
	var conf []byte
	if c.NATSConf != "" {
		var err error
		if conf, err = os.ReadFile(c.NATSConf); err != nil {
			return fmt.Errorf("read nats.conf: %w", err)
		}
	}
	passwords := map[string]string{}
	for _, user := range embedded.Users {
		passwords[user] = in.p.getenv(embedded.PasswordVariable(user))
	}
	srv, err := embedded.Start(embedded.Config{
		Conf: conf, Dir: dir.join("nats"), Addr: c.NATSAddr, Passwords: passwords, Logger: in.p.log, Cert: c.NATSCert, Key: c.NATSKey,
	})
	if err != nil {
		return err
	}
	in.later(func() error { srv.Stop(); return nil })
	in.connect, in.embedded = srv.Connect, srv
	var env strings.Builder
	url, password := srv.URL(), srv.Password("operator")
	fmt.Fprintf(&env, "export NATS_URL=%s NATS_USER=operator NATS_PASSWORD=%s\n", url, password)
	fmt.Fprintf(&env, "export ROLLCALL_NATS=%s %s=%s\n", url, embedded.PasswordVariable("operator"), password)
	if c.NATSCA != "" {
		fmt.Fprintf(&env, "export NATS_CA=%[1]s ROLLCALL_NATS_CA=%[1]s\n", c.NATSCA)
	}
	file := dir.join(cliEnv)
	if err := os.WriteFile(file, []byte(env.String()), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	in.later(func() error { return os.Remove(file) })
	return nil
}

// leavePrivacyEnv writes the file with which erase and export reach the embedded
// NATS, the database and the IEC's answers, until the infra closes.
func (in *infra) leavePrivacyEnv(dir *dataDir, natsCA, database, cacheKey string) error {
	var env strings.Builder
	for _, v := range [][2]string{
		{"ROLLCALL_NATS", in.embedded.URL()}, {embedded.PasswordVariable("privacy"), in.embedded.Password("privacy")},
		{"ROLLCALL_NATS_CA", natsCA}, {"ROLLCALL_DATABASE", database}, {"ROLLCALL_IEC_CACHE_KEY", cacheKey},
	} {
		if v[1] != "" {
			fmt.Fprintf(&env, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
		}
	}
	file := dir.join(privacyEnv)
	if err := os.WriteFile(file, []byte(env.String()), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	in.later(func() error { return os.Remove(file) })
	return nil
}

// provision makes the streams, buckets and consumers.
func (in *infra) provision(ctx context.Context, s provisionSettings) error {
	js, err := in.connect("provisioner")
	if err != nil {
		return err
	}
	err = events.Provision(ctx, js, s.config())
	return errors.Join(err, drain(js))
}

// privatePostgres starts a PostgreSQL of the process's own.
func (in *infra) privatePostgres(ctx context.Context, dir *dataDir) (srv *postgres.Server, died func(context.Context) error, err error) {
	srv, err = postgres.Start(ctx, postgres.Config{Dir: dir.join("postgres"), Logger: in.p.log})
	if err != nil {
		return nil, nil, err
	}
	in.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return srv.Stop(ctx)
	})
	died = func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-srv.Done():
			return fmt.Errorf("the private PostgreSQL has stopped, its log is in %s: %w", dir.join("postgres"), srv.Err())
		}
	}
	return srv, died, nil
}

// ownRoles brings the tables of the process's own PostgreSQL up to date, as their
// owner, and connects each service as its role, with a password that is made up and
// kept in the data folder. It returns the URL of the role of privacy.
func (in *infra) ownRoles(ctx context.Context, srv *postgres.Server, dir *dataDir) (privacyURL string, err error) {
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
	in.roles = map[string]*sqlx.DB{}
	for service, password := range passwords {
		db, err := postgres.Open(ctx, srv.RoleURL(service, password))
		if err != nil {
			return "", fmt.Errorf("as role %s: %w", postgres.Role(service), err)
		}
		in.roles[service] = db
		in.later(db.Close)
	}
	return srv.RoleURL("privacy", passwords["privacy"]), nil
}

// database opens the pool, without touching the tables.
func (in *infra) database(ctx context.Context, url string) error {
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	in.db = db
	in.later(db.Close)
	return nil
}
