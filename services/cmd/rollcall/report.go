package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"rollcall.example/gateway/client"
)

type reportCmd struct {
	serverSettings
	Job     string `arg:"" help:"The job's id."`
	Rejects bool   `env:"-" help:"Only the rows to correct, as a workbook to be uploaded again."`
	File    string `env:"-" short:"o" type:"path" placeholder:"FILE" help:"${help_output}"`
}

// Run downloads a report.
func (c *reportCmd) Run(ctx context.Context, p *process) error {
	what := client.Report
	if c.Rejects {
		what = client.Rejects
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	file := cmp.Or(c.File, string(what)+"-"+url.PathEscape(c.Job)+".xlsx")
	if err := api.Save(ctx, c.Job, what, file); err != nil {
		return err
	}
	fmt.Fprintln(p.out, file)
	return nil
}
