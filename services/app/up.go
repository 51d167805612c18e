package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"rollcall.example/gateway/auth/local"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/iec/sim"
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
// While a NATS or PostgreSQL of others is away it waits, and answers for its health meanwhile.
func Up(ctx context.Context, c UpConfig) (_ *App, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := c.Tokens.ReadFile(c.Logger); err != nil {
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

	if c.NATS.URL != "" {
		a.UseNATS(c.NATS)
	} else if err := a.embedNATS(dir, &c); err != nil {
		return nil, err
	}
	provision := func(ctx context.Context) error { return a.Provision(ctx, c.Provision) }
	if err := a.door.await(ctx, "nats as provisioner", provision); err != nil {
		return nil, err
	}
	audit := func(ctx context.Context) error { return a.ProvisionAudit(ctx, c.Provision) }
	if err := a.door.await(ctx, "nats as auditor", audit); err != nil {
		return nil, err
	}
	privacyURL, err := upDatabase(ctx, a, dir, c.Database.URL)
	if err != nil {
		return nil, err
	}
	if err := a.makeUpSecrets(dir); err != nil {
		return nil, err
	}
	if a.embedded != nil {
		if err := a.writePrivacyEnv(dir, c.NATS.CA, privacyURL); err != nil {
			return nil, err
		}
	}
	if a.settings.IEC.URL == "" {
		if err := a.simulateIEC(); err != nil {
			return nil, err
		}
	}
	if err := a.compose(ctx, "rollcall", ""); err != nil {
		return nil, err
	}
	a.answer()
	return a, nil
}

// makeUpSecrets fills in those that were not given, from the data folder.
func (a *App) makeUpSecrets(dir *dataFolder) (err error) {
	if !a.settings.Tokens.Given() && !a.settings.OIDC.Given() {
		if a.settings.Tokens.Secret, err = dir.secret("jwt-secret"); err != nil {
			return err
		}
		if err := openAdmin(a, dir); err != nil {
			return err
		}
	}
	if a.secrets.IECCacheKey == "" {
		if a.secrets.IECCacheKey, err = dir.secret("iec-cache-key"); err != nil {
			return err
		}
	}
	if a.secrets.PrivacyKey == "" {
		a.secrets.PrivacyKey, err = dir.secret("privacy-key")
	}
	return err
}

// adminTTL is how long the administrator stays signed in.
const adminTTL = 12 * time.Hour

// AdminLink is the file in the data folder with the link for setting the administrator's
// password, as long as there is none.
const AdminLink = "password-link"

// openAdmin lets an administrator with a password sign in, and keeps the link for setting it.
func openAdmin(a *App, dir *dataFolder) (err error) {
	link := dir.join(AdminLink)
	a.local, err = local.Open(local.Config{File: dir.join("admin-password"), Sign: func() (string, error) {
		return a.SignToken(local.User, "national_admin", adminTTL)
	}})
	if err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an old link: %w", err)
	}
	if SetupLink(a) == "" {
		return nil
	}
	if err := os.WriteFile(link, []byte(SetupLink(a)+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the link for the password: %w", err)
	}
	return nil
}

// SetupLink is where the administrator's password is set, once and within an hour; "" where
// there is one, or nobody signs in with one.
func SetupLink(a *App) string {
	if a.local == nil || a.local.Code() == "" {
		return ""
	}
	return a.URL() + "/#setup=" + a.local.Code()
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
