package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"rollcall.example/events/embedded"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/iec/sim"
	"rollcall.example/services/postgres"
)

// UpConfig says how everything is run in one process.
type UpConfig struct {
	// Addr is host:port; port 0 takes a free one.
	Addr string `default:"127.0.0.1:8080" help:"Where to serve HTTP and WebSocket."`
	// Data is made if need be, and locked while it is used. Required.
	Data string `default:"rollcall-data" type:"path" placeholder:"DIR" help:"${help_data}"`
	// NATSConf is a file; "" is the copy that is built in.
	NATSConf string `name:"nats-conf" type:"existingfile" placeholder:"FILE" help:"${help_nats_conf}"`
	// NATSAddr is host:port of the embedded server.
	NATSAddr string `name:"nats-addr" default:"127.0.0.1:0" help:"${help_nats_addr}"`

	NATS      NATSSettings      `embed:""`
	Database  DatabaseSettings  `embed:""`
	Provision ProvisionSettings `embed:""`
	Settings  `embed:""`
	Process   `kong:"-"`
}

// DefaultUp returns what up is without a flag.
func DefaultUp() (c UpConfig) {
	setDefaults(&c)
	return c
}

// Validate names each setting that cannot be. Up calls it.
func (c *UpConfig) Validate() error {
	var data error
	if c.Data == "" {
		data = errors.New("data must name a folder")
	}
	return errors.Join(data, c.NATS.Validate(), c.Provision.Validate(), c.Settings.Validate())
}

// Up starts everything that the services need, brings streams, buckets and tables up to
// date, and returns the App that Run serves. Close it in any case, when Run has returned.
// ctx bounds the start and is the one that keys of tokens are fetched with: give Run the same.
func Up(ctx context.Context, c UpConfig) (_ *App, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a, err := listen(c.Addr, c.Settings, c.Process)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	dir, err := openDataFolder(c.Data)
	if err != nil {
		return nil, err
	}
	a.closeLater(dir.close)

	start, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if c.NATS.URL != "" {
		a.UseNATS(c.NATS)
	} else if err := a.embedNATS(dir, &c); err != nil {
		return nil, err
	}
	if err := a.Provision(start, c.Provision); err != nil {
		return nil, err
	}
	privacyURL, err := a.upDatabase(start, dir, c.Database.URL)
	if err != nil {
		return nil, err
	}
	if err := a.makeUpSecrets(dir); err != nil {
		return nil, err
	}
	if a.embedded != nil {
		if err := a.writePrivacyEnv(dir, c.NATS.CA, privacyURL, a.secrets.IECCacheKey); err != nil {
			return nil, err
		}
	}
	if a.settings.IEC.URL == "" {
		if err := a.simulateIEC(); err != nil {
			return nil, err
		}
	}
	if err := a.compose(ctx, "rollcall", everything...); err != nil {
		return nil, err
	}
	return a, nil
}

// upDatabase opens the given database, or runs a private one, and brings its tables up to
// date. It returns where the service privacy reaches it.
func (a *App) upDatabase(ctx context.Context, dir *dataFolder, url string) (privacyURL string, err error) {
	if url == "" {
		srv, err := a.privatePostgres(ctx, dir)
		if err != nil {
			return "", err
		}
		return a.ownRoles(ctx, srv, dir)
	}
	db, err := a.OpenDatabase(ctx, url)
	if err != nil {
		return "", err
	}
	return url, postgres.Migrate(ctx, db)
}

// makeUpSecrets fills in those that were not given, from the data folder.
func (a *App) makeUpSecrets(dir *dataFolder) (err error) {
	if !a.settings.Tokens.Given() {
		if a.settings.Tokens.Secret, err = dir.secret("jwt-secret"); err != nil {
			return err
		}
	}
	if a.secrets.IECCacheKey == "" {
		a.secrets.IECCacheKey, err = dir.secret("iec-cache-key")
	}
	return err
}

// simulateIEC runs a simulator of the IEC, over real HTTP, for those who have none.
func (a *App) simulateIEC() error {
	ln, err := httpserver.Listen("127.0.0.1:0", "", "", a.logger)
	if err != nil {
		return err
	}
	a.closeLater(func() error { return ignoreClosed(ln.Close()) })
	handler, err := sim.New(sim.Config{})
	if err != nil {
		return err
	}
	a.settings.IEC.URL = ln.URL()
	a.run = append(a.run, func(ctx context.Context) error { return httpserver.Serve(ctx, ln, handler, a.logger) })
	return nil
}

// The files that up leaves in its data folder while it runs.
const (
	// NATSEnv is with what the NATS CLI, and commands as operator, reach the embedded server.
	NATSEnv = "nats-cli.env"
	// PrivacyEnv is with what erase and export reach the embedded server, the database and
	// the IEC's answers.
	PrivacyEnv = "privacy.env"
)

// embedNATS starts a server in the process and leaves NATSEnv.
func (a *App) embedNATS(dir *dataFolder, c *UpConfig) error {
	var conf []byte
	if c.NATSConf != "" {
		var err error
		if conf, err = os.ReadFile(c.NATSConf); err != nil {
			return fmt.Errorf("read nats.conf: %w", err)
		}
	}
	srv, err := embedded.Start(embedded.Config{
		Conf: conf, Dir: dir.join("nats"), Addr: c.NATSAddr, Passwords: a.secrets.NATS, Logger: a.logger,
		Cert: c.NATS.Cert, Key: c.NATS.Key,
	})
	if err != nil {
		return err
	}
	a.closeLater(func() error { srv.Stop(); return nil })
	a.connect, a.embedded = srv.Connect, srv
	var env strings.Builder
	url, password := srv.URL(), srv.Password("operator")
	fmt.Fprintf(&env, "export NATS_URL=%s NATS_USER=operator NATS_PASSWORD=%s\n", url, password)
	fmt.Fprintf(&env, "export ROLLCALL_NATS=%s %s=%s\n", url, embedded.PasswordVariable("operator"), password)
	if c.NATS.CA != "" {
		fmt.Fprintf(&env, "export NATS_CA=%[1]s ROLLCALL_NATS_CA=%[1]s\n", c.NATS.CA)
	}
	return a.leave(dir.join(NATSEnv), env.String())
}

// writePrivacyEnv leaves PrivacyEnv.
func (a *App) writePrivacyEnv(dir *dataFolder, natsCA, database, cacheKey string) error {
	var env strings.Builder
	for _, v := range [][2]string{
		{"ROLLCALL_NATS", a.embedded.URL()}, {embedded.PasswordVariable("privacy"), a.embedded.Password("privacy")},
		{"ROLLCALL_NATS_CA", natsCA}, {"ROLLCALL_DATABASE", database}, {"ROLLCALL_IEC_CACHE_KEY", cacheKey},
	} {
		if v[1] != "" {
			fmt.Fprintf(&env, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
		}
	}
	return a.leave(dir.join(PrivacyEnv), env.String())
}

// leave writes a file that is there until the App closes.
func (a *App) leave(file, text string) error {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	a.closeLater(func() error { return os.Remove(file) })
	return nil
}
