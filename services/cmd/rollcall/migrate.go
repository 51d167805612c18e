package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rollcall.example/services/postgres"
)

type migrateCmd struct {
	natsSettings
	databaseSettings
	provisionSettings
}

// Run brings NATS and PostgreSQL to what this version needs.
func (c *migrateCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS == "" && c.Database == "" {
		return errors.New("migrate: give --nats, --database or both")
	}
	in := &infra{p: p}
	defer func() { err = errors.Join(err, in.close()) }()
	if c.NATS != "" {
		in.externalNATS(c.natsSettings)
		if err := in.provision(ctx, c.provisionSettings); err != nil {
			return err
		}
		fmt.Fprintln(p.out, "streams, buckets and consumers are up to date")
	}
	if c.Database != "" {
		if err := in.database(ctx, c.Database); err != nil {
			return err
		}
		if err := postgres.Migrate(ctx, in.db); err != nil {
			return err
		}
		fmt.Fprintln(p.out, "tables are up to date")
		passwords := map[string]string{}
		for _, service := range postgres.RoleServices() {
			passwords[service] = p.getenv(databasePassword(service))
		}
		roles, err := postgres.Grant(ctx, in.db, passwords)
		if err != nil {
			return err
		}
		if len(roles) > 0 {
			fmt.Fprintln(p.out, "roles are up to date:", strings.Join(roles, ", "))
		}
	}
	return nil
}

// databasePassword is the variable with the password of a service's role.
func databasePassword(service string) string {
	return "ROLLCALL_DATABASE_PASSWORD_" + strings.ToUpper(service)
}
