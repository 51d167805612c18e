package main

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/services/app"
	"rollcall.example/services/jobs"
)

type rebuildCmd struct {
	NATS     app.NATSSettings     `embed:""`
	Database app.DatabaseSettings `embed:""`
}

// Run makes the projections again, while everything may be running.
func (c *rebuildCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" || c.Database.URL == "" {
		return errors.New("rebuild: give --nats and --database")
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	js, err := in.NATS("upload")
	if err != nil {
		return err
	}
	db, err := in.OpenDatabase(ctx, c.Database.URL)
	if err != nil {
		return err
	}
	log := events.NewLog(js, events.StageUpload, p.log)
	n, err := jobs.New(jobs.Config{DB: db, Log: log, Logger: p.log}).Rebuild(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "the list of jobs was made again: %d jobs\n", n)
	return nil
}
