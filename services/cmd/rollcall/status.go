package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"rollcall.example/events"
)

type statusCmd struct {
	serverSettings
	Job   string `arg:"" help:"The job's id."`
	AtSeq uint64 `env:"-" name:"at-seq" placeholder:"N" help:"${help_at_seq}"`
	JSON  bool   `env:"-" name:"json" help:"Print all that is known, as JSON."`
}

// Run prints where a job stands.
func (c *statusCmd) Run(ctx context.Context, p *process) error {
	path := "/status/" + url.PathEscape(c.Job)
	if c.AtSeq > 0 {
		path += "?at_seq=" + strconv.FormatUint(c.AtSeq, 10)
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := api.Call(ctx, http.MethodGet, path, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.out, raw)
	}
	var job struct {
		Status    string    `json:"status"`
		Stage     string    `json:"stage"`
		Progress  int       `json:"progress"`
		Message   string    `json:"message"`
		Processed int       `json:"rows_processed"`
		Total     int       `json:"rows_total"`
		Seq       uint64    `json:"seq"`
		Stale     bool      `json:"stale"`
		UpdatedAt time.Time `json:"updated_at"`
		events.ColumnUse
	}
	if err := json.Unmarshal(raw, &job); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s, %d%%: %s\n", job.Status, job.Progress, job.Message)
	if job.Total > 0 {
		fmt.Fprintf(p.out, "%s, %d of %d rows\n", job.Stage, job.Processed, job.Total)
	}
	fmt.Fprintf(p.out, "event %d, %s\n", job.Seq, job.UpdatedAt.Local().Format(time.DateTime))
	if job.Stale {
		fmt.Fprintln(p.out, "The job may have come further: the servers that would know cannot be reached.")
	}
	printColumnUse(p.out, job.ColumnUse)
	return nil
}

// printColumnUse names the columns of a file that were guessed, and those not used.
func printColumnUse(out io.Writer, use events.ColumnUse) {
	for _, c := range use.Guessed {
		fmt.Fprintln(out, c.Message)
	}
	if use.UnusedTotal > 0 {
		fmt.Fprintf(out, "columns not used: %d\n", use.UnusedTotal)
	}
	for _, c := range use.Unused {
		fmt.Fprintf(out, "  %-3s %q  %s\n", c.Letter, c.Name, c.Sentence())
	}
}
