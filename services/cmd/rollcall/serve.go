package main

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/services/httpserver"
)

type serveCmd struct {
	Service string `arg:"" enum:"upload,validation,iec,persistence,report,gateway,webhook,privacy" help:"upload, validation, iec, persistence, report, gateway, webhook or privacy."`
	Addr    string `default:"127.0.0.1:8080" help:"Where to serve health, and for upload and gateway their part of the API."`
	natsSettings
	databaseSettings
	settings
}

// Run serves one service until ctx ends.
func (c *serveCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS == "" {
		return errors.New("serve: no NATS: give --nats")
	}
	p.logBuild()
	in := &infra{p: p}
	defer func() { err = errors.Join(err, in.close()) }()
	ln, err := httpserver.Listen(c.Addr, c.TLSCert, c.TLSKey, p.log)
	if err != nil {
		return err
	}
	in.later(func() error { return closed(ln.Close()) })
	in.externalNATS(c.natsSettings)
	begin, cancel := within(ctx)
	defer cancel()
	if c.Database != "" {
		if err := in.database(begin, c.Database); err != nil {
			return err
		}
	}
	a := newApp(in, c.settings)
	a.cacheKey = p.getenv("ROLLCALL_IEC_CACHE_KEY")
	if err := a.trace(ctx, "rollcall-"+c.Service); err != nil {
		return err
	}
	if err := c.service(ctx, a); err != nil {
		return fmt.Errorf("serve %s: %w", c.Service, err)
	}
	fmt.Fprintf(p.out, "%s is up on %s\n", c.Service, ln.URL())
	return a.serve(ctx, ln)
}

func (c *serveCmd) service(ctx context.Context, a *app) error {
	switch events.Stage(c.Service) {
	case events.StageValidation:
		return a.validation()
	case events.StageIEC:
		return a.iec()
	case events.StagePersistence:
		return a.persistence()
	case events.StageReport:
		return a.report()
	}
	switch c.Service {
	case "webhook":
		return a.webhook()
	case "privacy":
		return a.privacy()
	}
	verifier, err := a.verifier(ctx)
	if err != nil {
		return err
	}
	if c.Service == "gateway" {
		return a.gateway(verifier)
	}
	return a.upload(verifier)
}
