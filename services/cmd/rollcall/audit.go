package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/app"
)

type auditCmd struct {
	Job  string           `env:"-" placeholder:"JOB" help:"Only readings of this job."`
	JSON bool             `env:"-" name:"json" help:"Print each as a line of JSON."`
	NATS app.NATSSettings `embed:""`
}

// Run lists who has read personal data.
func (c *auditCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" {
		return errors.New("audit: no NATS: give --nats, or read nats-cli.env of the data folder")
	}
	if c.Job != "" && !events.ValidJobID(c.Job) {
		return events.ErrNotFound
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	js, err := in.NATS("operator")
	if err != nil {
		return err
	}
	lines := json.NewEncoder(p.out)
	for a, err := range events.ReadAccesses(ctx, js, c.Job) {
		if err != nil {
			return err
		}
		if c.JSON {
			if err := lines.Encode(a); err != nil {
				return err
			}
			continue
		}
		what := string(a.What)
		if a.Row > 0 {
			what = fmt.Sprintf("row %d", a.Row)
		}
		fmt.Fprintf(p.out, "%s  %s (%s) from %s: %s of %s\n",
			a.At.Local().Format(time.DateTime), a.By.ID, a.By.Role, a.From, what, a.JobID)
	}
	return nil
}
