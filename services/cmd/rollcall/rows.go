package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"rollcall.example/gateway/client"
)

type rowsCmd struct {
	serverSettings
	Job    string   `arg:"" help:"The job's id."`
	Status []string `env:"-" placeholder:"STATUS" help:"Only rows with one of these, such as invalid or deceased."`
	Code   []string `env:"-" placeholder:"CODE" help:"Only rows with one of these codes of a reject or a warning."`
	Search string   `env:"-" short:"q" placeholder:"TEXT" help:"${help_rows_search}"`
	Limit  int      `env:"-" placeholder:"N" help:"At most so many rows; all otherwise."`
	CSV    bool     `env:"-" name:"csv" xor:"form" help:"As comma-separated values."`
	JSON   bool     `env:"-" name:"json" xor:"form" help:"As JSON, one row a line."`
	File   string   `env:"-" short:"o" type:"path" placeholder:"FILE" help:"Where to put it; standard output otherwise."`
}

// rowsPerPage is how many rows the command asks for at once.
const rowsPerPage = 1000

// Run prints the rows of a job.
func (c *rowsCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.File == "" {
		return c.write(ctx, api, p.out)
	}
	file, err := os.Create(c.File)
	if err != nil {
		return err
	}
	if err := c.write(ctx, api, file); err != nil {
		_ = file.Close() // the first error says more
		return err
	}
	return file.Close()
}

func (c *rowsCmd) write(ctx context.Context, api *client.Client, out io.Writer) error {
	q := client.RowQuery{Statuses: c.Status, Codes: c.Code, Search: c.Search, Limit: c.Limit}
	switch {
	case c.CSV:
		return api.WriteRows(ctx, c.Job, q, client.RowsCSV, out)
	case c.JSON:
		return api.WriteRows(ctx, c.Job, q, client.RowsNDJSON, out)
	}
	return c.print(ctx, api, q, out)
}

// print prints a line for each row, page by page.
func (c *rowsCmd) print(ctx context.Context, api *client.Client, q client.RowQuery, out io.Writer) error {
	const form = "%7s  %-15s %-13s  %-24s  %s\n"
	printed := 0
	for begun := false; ; begun = true {
		q.Limit = rowsPerPage
		if c.Limit > 0 {
			q.Limit = min(rowsPerPage, c.Limit-printed)
		}
		page, err := api.Rows(ctx, c.Job, q)
		if err != nil {
			return err
		}
		if !begun {
			if !page.Complete {
				fmt.Fprintf(out, "The job is %s: this is what is known so far.\n", page.Status)
			}
			fmt.Fprintf(out, form, "ROW", "STATUS", "ID NUMBER", "NAME", "CODES AND REASON")
		}
		for _, r := range page.Rows {
			why := strings.TrimSpace(strings.Join(r.Codes, ", ") + "  " + r.Reason)
			fmt.Fprintf(out, form, fmt.Sprint(r.Row), r.Status, r.ID, r.Name, why)
		}
		printed += len(page.Rows)
		if q.Cursor = page.Next; q.Cursor == "" || printed == c.Limit {
			return nil
		}
	}
}
