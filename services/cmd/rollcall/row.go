package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type rowCmd struct {
	serverSettings
	Job  string `arg:"" help:"The job's id."`
	Row  int    `arg:"" help:"The row's number in the uploaded sheet."`
	JSON bool   `env:"-" name:"json" help:"Print all that is known, as JSON."`
}

// rowHistory is the server's answer.
type rowHistory struct {
	NoHeader bool `json:"no_header"`
	Cells    []struct{ Column, Text, Field, Value string }
	Guessed  []struct{ Field, Value string }
	Rules    []struct{ Rule, Answer, Message string }

	Warnings []struct{ Message string }
	IEC      struct {
		Status, Why, Ward, VD, Station, Municipality, Province string
		At                                                     time.Time
		Kept                                                   bool
	}
	Database struct {
		Result, Why   string
		VDCode        string `json:"vd_code"`
		Changed       []string
		Before, After map[string]any
		DryRun        bool `json:"dry_run"`
	}
	Sheets []struct {
		Name string
		Row  int
	} `json:"report_sheets"`
}

// Run prints what happened to the row.
func (c *rowCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	path := fmt.Sprintf("/jobs/%s/rows/%d", url.PathEscape(c.Job), c.Row)
	if err := api.Call(ctx, http.MethodGet, path, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.out, raw)
	}
	var row rowHistory
	if err := json.Unmarshal(raw, &row); err != nil {
		return err
	}
	row.print(p.out)
	return nil
}

func (r *rowHistory) print(out io.Writer) {
	if r.NoHeader {
		fmt.Fprintln(out, "header    none; the mapping says by letters what the columns are")
	}
	for _, c := range r.Cells {
		fmt.Fprintf(out, "cell      %s: %q", c.Column, c.Text)
		if c.Value != c.Text && c.Field != "" {
			fmt.Fprintf(out, ", read as %q", c.Value)
		}
		fmt.Fprintln(out)
	}
	for _, g := range r.Guessed {
		fmt.Fprintf(out, "guessed   %s: %q\n", g.Field, g.Value)
	}
	for _, rule := range r.Rules {
		answer := strings.ReplaceAll(rule.Answer, "_", " ")
		fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("rule      %s: %s. %s", rule.Rule, answer, rule.Message)))
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(out, "warning   %s\n", w.Message)
	}
	iec := []string{r.IEC.Status}
	for _, part := range []string{
		r.IEC.Why, label("ward", r.IEC.Ward), label("VD", r.IEC.VD), r.IEC.Station, r.IEC.Municipality, r.IEC.Province,
	} {
		if part != "" {
			iec = append(iec, part)
		}
	}
	if !r.IEC.At.IsZero() {
		iec = append(iec, r.IEC.At.Local().Format(time.DateTime))
	}
	if r.IEC.Kept {
		iec = append(iec, "answered before this upload")
	}
	fmt.Fprintf(out, "IEC       %s\n", strings.Join(iec, ", "))
	database := r.Database.Result
	if r.Database.DryRun {
		database += " (dry run: not written)"
	}
	if r.Database.Why != "" {
		database += ": " + r.Database.Why
	}
	fmt.Fprintf(out, "database  %s\n", database)
	for _, name := range slices.Sorted(slices.Values(r.Database.Changed)) {
		before, after := orNothing(r.Database.Before[name]), orNothing(r.Database.After[name])
		fmt.Fprintf(out, "          %s: %v -> %v\n", name, before, after)
	}
	for _, s := range r.Sheets {
		fmt.Fprintf(out, "report    %s, row %d\n", s.Name, s.Row)
	}
}

func orNothing(value any) any {
	if value == nil {
		return "nothing"
	}
	return value
}

func label(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}
