package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/cases"
)

type caseCmd struct {
	List    caseListCmd    `cmd:"" help:"List the cases, oldest first."`
	Show    caseShowCmd    `cmd:"" help:"Print a case as JSON: who asked, who approved, what was found."`
	Approve caseApproveCmd `cmd:"" help:"Let a case go on that another person has asked for."`
	Decline caseDeclineCmd `cmd:"" help:"Refuse a case that waits for approval."`
	Export  caseExportCmd  `cmd:"" help:"Print the export of a case that is completed, as JSON."`
}

type caseListCmd struct{ caseSettings }

// oneCase is a case that exists already.
type oneCase struct {
	Case string `arg:"" env:"-" help:"Number of the case."`
	caseSettings
}

type caseShowCmd struct{ oneCase }

type caseExportCmd struct{ oneCase }

type caseApproveCmd struct {
	oneCase
	Reason string `env:"-" placeholder:"TEXT" help:"Why; the case keeps it, without ID numbers."`
}

type caseDeclineCmd struct{ caseApproveCmd }

// Run lists the cases.
func (c *caseListCmd) Run(ctx context.Context, p *process) (err error) {
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	w, err := c.open(p, in)
	if err != nil {
		return fmt.Errorf("case: %w", err)
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CASE\tKIND\tSTATUS\tASKED\tBY")
	for one, err := range w.log.All(ctx) {
		if err != nil {
			return err
		}
		r := one.Requested
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.ID, r.What, one.Status, r.At.Local().Format(time.DateTime), r.By.ID)
	}
	return table.Flush()
}

// with loads the case and passes it to work.
func (c *oneCase) with(ctx context.Context, p *process, work func(*caseWork, *cases.Case) error) (err error) {
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	w, err := c.open(p, in)
	if err != nil {
		return fmt.Errorf("case: %w", err)
	}
	one, err := w.log.Load(ctx, c.Case)
	if err != nil {
		return err
	}
	return work(&w, &one)
}

// Run prints the case.
func (c *caseShowCmd) Run(ctx context.Context, p *process) error {
	return c.with(ctx, p, func(_ *caseWork, one *cases.Case) error { return printCase(p.out, one) })
}

// Run prints the export, and records that it was read.
func (c *caseExportCmd) Run(ctx context.Context, p *process) error {
	return c.with(ctx, p, func(w *caseWork, one *cases.Case) error {
		access := events.Access{CaseID: one.ID, What: events.AccessExport, At: time.Now().UTC(), By: w.by, From: w.from,
			Person: one.Requested.Person}
		if err := events.NewAuditor(w.log.JetStream()).Write(ctx, access); err != nil {
			return err
		}
		return w.printExport(ctx, p.out, one)
	})
}

// Run approves the case.
func (c *caseApproveCmd) Run(ctx context.Context, p *process) error {
	return c.with(ctx, p, func(w *caseWork, one *cases.Case) error {
		return decide(ctx, p.out, w, one, &cases.Approved{By: w.by, From: w.from, Reason: c.Reason})
	})
}

// Run declines the case.
func (c *caseDeclineCmd) Run(ctx context.Context, p *process) error {
	return c.with(ctx, p, func(w *caseWork, one *cases.Case) error {
		return decide(ctx, p.out, w, one, &cases.Declined{By: w.by, From: w.from, Reason: c.Reason})
	})
}

func decide(ctx context.Context, out io.Writer, w *caseWork, one *cases.Case, fact cases.Fact) error {
	if err := w.log.Decide(ctx, one, fact); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", one.ID, one.Status)
	return nil
}
