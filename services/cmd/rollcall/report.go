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
	Rejects bool   `env:"-" xor:"what" help:"Only the rows to correct, as a workbook to be uploaded again."`
	CSV     string `env:"-" name:"csv" placeholder:"SHEET" xor:"what" help:"${help_report_csv}"`
	PDF     bool   `env:"-" name:"pdf" xor:"what" help:"Only the totals, as a PDF of two pages to print and send on."`
	File    string `env:"-" short:"o" type:"path" placeholder:"FILE" help:"${help_output}"`
}

// Run downloads a report.
func (c *reportCmd) Run(ctx context.Context, p *process) error {
	what, name := client.Report, "report-"+url.PathEscape(c.Job)+".xlsx"
	switch {
	case c.Rejects:
		what, name = client.Rejects, "rejects-"+url.PathEscape(c.Job)+".xlsx"
	case c.PDF:
		what, name = client.Summary, "summary-"+url.PathEscape(c.Job)+".pdf"
	case c.CSV != "":
		what, name = client.Sheet(c.CSV), url.PathEscape(c.CSV)+"-"+url.PathEscape(c.Job)+".csv"
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	file := cmp.Or(c.File, name)
	if err := api.Save(ctx, c.Job, what, file); err != nil {
		return err
	}
	fmt.Fprintln(p.out, file)
	return nil
}
