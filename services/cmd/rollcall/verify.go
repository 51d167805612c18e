package main

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/services/app"
	"rollcall.example/services/jobs"
	"rollcall.example/services/report"
	"rollcall.example/services/verify"
)

type verifyCmd struct {
	Job      string               `arg:"" help:"The job's id."`
	NATS     app.NATSSettings     `embed:""`
	Database app.DatabaseSettings `embed:""`
}

// Run verifies a job by the stream and the objects, as investigator, and by the list of
// jobs where it is told of a database. It prints each thing that it has looked at.
func (c *verifyCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" {
		return errors.New("verify: no NATS: give --nats, or read investigator.env of the data folder")
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	cfg := verify.Config{Figures: report.CompleteStats, Say: func(f verify.Finding) {
		fmt.Fprintf(p.out, "%-8s %s", f.State, f.What)
		if f.Err != nil {
			fmt.Fprintf(p.out, ": %v", f.Err)
		}
		fmt.Fprintln(p.out)
	}}
	if cfg.JetStream, err = in.NATS("investigator"); err != nil {
		return err
	}
	cfg.Rebuild = p.rebuildReport(events.NewNotedStore(cfg.JetStream))
	if c.Database.URL != "" {
		db, err := in.OpenDatabase(ctx, c.Database.URL)
		if err != nil {
			return err
		}
		cfg.NewestSeq = jobs.New(jobs.Config{DB: db}).Seq
	}
	if err := verify.Job(ctx, cfg, c.Job); err != nil {
		return err
	}
	fmt.Fprintln(p.out, "Nothing was altered.")
	return nil
}
