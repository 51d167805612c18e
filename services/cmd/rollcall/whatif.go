package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/app"
	"rollcall.example/services/validation"
	"rollcall.example/services/whatif"
)

type whatIfCmd struct {
	Job   string           `arg:"" help:"The job's id."`
	Rules string           `required:"" type:"existingfile" placeholder:"FILE" help:"${help_rules}"`
	JSON  bool             `env:"-" name:"json" help:"${help_whatif_json}"`
	NATS  app.NATSSettings `embed:""`
}

// Run judges the job's upload again and prints what would differ.
func (c *whatIfCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" {
		return errors.New("whatif: no NATS: give --nats, or read investigator.env of the data folder")
	}
	rules, err := whatif.ReadRules(c.Rules)
	if err != nil {
		return err
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	js, err := in.NATS("investigator")
	if err != nil {
		return err
	}
	job, err := events.NewLog(js, "", p.log).Load(ctx, c.Job)
	if err != nil {
		return err
	}
	sum, err := whatif.Job(ctx, whatif.Config{
		Store: events.NewNotedStore(js),
		NewJudge: func(r whatif.Roll) (whatif.Judge, error) {
			return validation.NewJudge(validation.Settings{
				Header: r.Header, UploadedAt: r.UploadedAt, Date1904: r.Date1904, Area: r.Area,
				AllowClear: r.AllowClear, Rules: r.Rules,
			})
		},
		Visit: func(d whatif.Difference) error { return c.print(p.out, d) },
	}, &job, rules)
	if err != nil {
		return err
	}
	return c.printSum(p.out, sum, rules)
}

func (c *whatIfCmd) print(out io.Writer, d whatif.Difference) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(d)
	}
	if d.Before != d.After {
		fmt.Fprintf(out, "row %d: %s would be %s\n", d.Row, d.Before, d.After)
	}
	for _, field := range slices.Sorted(maps.Keys(d.Fields)) {
		fmt.Fprintf(out, "row %d: %s %q would be %q\n", d.Row, field, d.Fields[field][0], d.Fields[field][1])
	}
	if d.SubRegion != "" {
		fmt.Fprintf(out, "row %d: its sub-region would be %q\n", d.Row, d.SubRegion)
	}
	for _, w := range d.Warnings["new"] {
		fmt.Fprintf(out, "row %d: would be warned about: %s\n", d.Row, w)
	}
	for _, w := range d.Warnings["gone"] {
		fmt.Fprintf(out, "row %d: would not be warned about: %s\n", d.Row, w)
	}
	return nil
}

// printSum prints the figures before and after, and how many wards would reach another
// target.
func (c *whatIfCmd) printSum(out io.Writer, sum whatif.Sum, rules schema.Rules) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(sum)
	}
	fmt.Fprintf(out, "%d rows would differ\n", sum.Differing)
	fmt.Fprintf(out, "accepted %d, would be %d; warnings %d, would be %d\n",
		sum.Before.ValidRecords, sum.After.ValidRecords, sum.Before.Warnings, sum.After.Warnings)
	if len(rules.WardRegions) > 0 {
		fmt.Fprintf(out, "%d rows would have the sub-region of their ward\n", sum.Placed)
	}
	if rules.WardTarget > 0 {
		fmt.Fprintf(out, "%d wards would reach %d registered people of this file\n", len(sum.Wards), rules.WardTarget)
	}
	return nil
}
