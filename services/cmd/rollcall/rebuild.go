package main

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/services/upload"
)

type rebuildCmd struct {
	natsSettings
	databaseSettings
}

// Run makes the projections again, while everything may be running.
func (c *rebuildCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS == "" || c.Database == "" {
		return errors.New("rebuild: give --nats and --database")
	}
	in := &infra{p: p}
	defer func() { err = errors.Join(err, in.close()) }()
	in.externalNATS(c.natsSettings)
	js, err := in.user("upload")
	if err != nil {
		return err
	}
	if err := in.database(ctx, c.Database); err != nil {
		return err
	}
	jobs, err := upload.Rebuild(ctx, events.NewLog(js, events.StageUpload, p.log), in.db)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "the list of jobs was made again: %d jobs\n", jobs)
	return nil
}
