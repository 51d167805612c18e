package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"rollcall.example/events"
	"rollcall.example/gateway/client"
)

type jobsCmd struct {
	serverSettings
	Failed bool   `env:"-" help:"Only those that failed."`
	Search string `env:"-" placeholder:"TEXT" help:"${help_jobs_search}"`
	From   string `env:"-" placeholder:"DAY" help:"Only those uploaded on this day (2026-03-01) or later."`
	To     string `env:"-" placeholder:"DAY" help:"Only those uploaded on this day or earlier."`
	Page   int    `env:"-" default:"1" help:"Which page of 20."`
}

// Run lists jobs.
func (c *jobsCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	q := client.JobQuery{Search: c.Search, From: c.From, To: c.To, Page: c.Page}
	if c.Failed {
		q.Status = events.StatusFailed
	}
	list, err := api.Jobs(ctx, q)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if c.Failed {
		fmt.Fprintln(w, "JOB\tSTAGE\tCODE\tATTEMPTS\tUPLOADED\tFILE\tERROR")
	} else {
		fmt.Fprintln(w, "JOB\tSTATUS\t%\tUPLOADED\tFILE\tERROR")
	}
	for _, j := range list.Jobs {
		uploaded := j.CreatedAt.Local().Format(time.DateTime)
		if c.Failed {
			attempts := "?"
			if j.Attempts != nil {
				attempts = strconv.Itoa(*j.Attempts)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
				j.JobID, j.Stage, j.Code, attempts, uploaded, j.FileName, j.Error)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", j.JobID, j.Status, j.Progress, uploaded, j.FileName, j.Error)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if shown := (c.Page-1)*client.JobsPerPage + len(list.Jobs); shown < list.Total {
		fmt.Fprintf(p.out, "%d of %d; the next are on --page %d\n", shown, list.Total, c.Page+1)
	}
	return nil
}
