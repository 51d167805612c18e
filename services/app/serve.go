package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rollcall.example/gateway"
)

// ServeConfig says how one service is run. NATS and PostgreSQL are others'.
type ServeConfig struct {
	// Service is one of those in the help. Required.
	Service string `arg:"" enum:"${services}" help:"${help_services}"`
	// Addr is host:port; port 0 takes a free one.
	Addr string `default:"127.0.0.1:8080" help:"Where to serve health, and for upload and gateway their part of the API."`

	NATS     NATSSettings     `embed:""`
	Database DatabaseSettings `embed:""`
	Settings `embed:""`
	Process  `kong:"-"`
}

// Validate names each setting that cannot be. Serve calls it.
func (c *ServeConfig) Validate() error {
	var service error
	if !slices.Contains(strings.Split(values["services"], ","), c.Service) {
		service = fmt.Errorf("there is no service %q", c.Service)
	}
	return errors.Join(service, c.NATS.Validate(), c.Settings.Validate())
}

// Serve connects one service and returns the App that Run serves. Close it in any case,
// when Run has returned. ctx is as for Up. While NATS or PostgreSQL is away it waits, and
// answers for its health meanwhile.
func Serve(ctx context.Context, c ServeConfig) (_ *App, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := c.Tokens.ReadFile(c.Logger); err != nil {
		return nil, err
	}
	if err := c.checkNeeds(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Service, err)
	}
	if c.Service == "gateway" {
		gateway.SaveMemory()
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
	if c.NATS.URL != "" {
		a.UseNATS(c.NATS)
	}
	if c.Database.URL != "" {
		err := a.door.await(ctx, "database", func(ctx context.Context) error {
			_, err := a.OpenDatabase(ctx, c.Database.URL)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if err := a.compose(ctx, "rollcall-"+c.Service, c.Service); err != nil {
		return nil, err
	}
	a.answer()
	return a, nil
}

// checkNeeds refuses what the service cannot do without, before anything is waited for.
func (c *ServeConfig) checkNeeds() error {
	uses := func(services ...string) bool { return slices.Contains(services, c.Service) }
	if uses("upload", "persistence", "webhook", "privacy") && c.Database.URL == "" {
		return errNoDatabase
	}
	if c.NATS.URL == "" {
		return errNoNATS
	}
	if uses("upload", "validation", "persistence", "privacy") {
		if _, err := c.Secrets.Key(); err != nil {
			return err
		}
	}
	if uses("iec") && c.Secrets.IECCacheKey == "" {
		return errNoCacheKey
	}
	if uses("iec") && c.IEC.URL == "" {
		return errNoIEC
	}
	if uses("upload", "gateway") && !c.OIDC.Given() {
		return c.Tokens.Config().Validate()
	}
	return nil
}
