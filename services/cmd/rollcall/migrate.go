package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rollcall.example/services/app"
	"rollcall.example/services/postgres"
)

type migrateCmd struct {
	NATS      app.NATSSettings      `embed:""`
	Database  app.DatabaseSettings  `embed:""`
	Provision app.ProvisionSettings `embed:""`
}

// Run brings NATS and PostgreSQL to what this version needs.
func (c *migrateCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" && c.Database.URL == "" {
		return errors.New("migrate: give --nats, --database or both")
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	if c.NATS.URL != "" {
		if err := in.Provision(ctx, c.Provision); err != nil {
			return err
		}
		if err := in.ProvisionAudit(ctx, c.Provision); err != nil {
			return err
		}
		fmt.Fprintln(p.out, "streams, buckets and consumers are up to date")
	}
	if c.Database.URL != "" {
		db, err := in.OpenDatabase(ctx, c.Database.URL)
		if err != nil {
			return err
		}
		if err := postgres.Migrate(ctx, db); err != nil {
			return err
		}
		fmt.Fprintln(p.out, "tables are up to date")
		roles, err := postgres.Grant(ctx, db, app.SecretsFrom(p.getenv).Database)
		if err != nil {
			return err
		}
		if len(roles) > 0 {
			fmt.Fprintln(p.out, "roles are up to date:", strings.Join(roles, ", "))
		}
	}
	return nil
}
