package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
// when Run has returned. ctx is as for Up.
func Serve(ctx context.Context, c ServeConfig) (_ *App, err error) {
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
	if c.NATS.URL != "" {
		a.UseNATS(c.NATS)
	}
	if c.Database.URL != "" {
		start, cancel := context.WithTimeout(ctx, startTime)
		defer cancel()
		if _, err := a.OpenDatabase(start, c.Database.URL); err != nil {
			return nil, err
		}
	}
	if err := a.compose(ctx, "rollcall-"+c.Service, c.Service); err != nil {
		return nil, err
	}
	return a, nil
}
