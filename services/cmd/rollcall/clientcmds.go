package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"rollcall.example/gateway/client"
)

type uploadCmd struct {
	serverSettings
	File    string `arg:"" type:"existingfile" help:"The spreadsheet."`
	Watch   bool   `env:"-" help:"Follow the job until it ends."`
	Resume  bool   `env:"-" help:"For weak lines: send only what has not arrived yet, over as many connections as it takes; interrupted, the same command goes on."`
	DryRun  bool   `env:"-" help:"Write nothing to the database; the report says what would be written."`
	SkipIEC bool   `env:"-" name:"skip-iec" help:"Ask the IEC about nobody."`
}

// Run uploads a file.
func (c *uploadCmd) Run(ctx context.Context, p *process) error {
	upload := c.upload
	if c.Resume {
		upload = c.uploadResumed
	}
	jobID, err := upload(ctx, c.File, map[string]string{
		"dry_run": strconv.FormatBool(c.DryRun), "iec_verification": strconv.FormatBool(!c.SkipIEC),
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, jobID)
	if !c.Watch {
		return nil
	}
	_, err = watch(ctx, p, c.serverSettings, jobID, 0)
	return err
}

type watchCmd struct {
	serverSettings
	Job   string `arg:"" help:"The job's id."`
	After uint64 `env:"-" help:"Leave out what came up to this sequence."`
}

// Run follows a job.
func (c *watchCmd) Run(ctx context.Context, p *process) error {
	_, err := watch(ctx, p, c.serverSettings, c.Job, c.After)
	return err
}

// errJobFailed is what a command ends with when the job it watched did not
// complete; why has been printed.
var errJobFailed = errors.New("the job did not complete")

// watch prints a job's frames until it ends, and returns the last.
func watch(ctx context.Context, p *process, s serverSettings, jobID string, after uint64) (client.Frame, error) {
	c, err := client.New(client.Config{URL: s.Server, Token: s.Token})
	if err != nil {
		return client.Frame{}, err
	}
	out := newProgress(p.out)
	defer out.close()
	var last client.Frame
	for frame, err := range c.Watch(ctx, jobID, after) {
		if err != nil {
			return last, err
		}
		last = frame
		if err := out.show(frame); err != nil {
			return last, err
		}
	}
	if err := ctx.Err(); err != nil {
		return last, err
	}
	if last.Event == client.EventFailed {
		return last, errJobFailed
	}
	return last, nil
}

type historyCmd struct {
	serverSettings
	Job  string `arg:"" help:"The job's id."`
	JSON bool   `env:"-" name:"json" help:"Print each event as a line of JSON."`
}

// Run prints a job's events so far.
func (c *historyCmd) Run(ctx context.Context, p *process) error {
	api, err := client.New(client.Config{URL: c.Server, Token: c.Token})
	if err != nil {
		return err
	}
	for frame, err := range api.History(ctx, c.Job) {
		if err != nil {
			return err
		}
		if c.JSON {
			line, err := json.Marshal(map[string]any{"seq": frame.Seq, "event": frame.Event, "data": frame.Data})
			if err != nil {
				return err
			}
			fmt.Fprintln(p.out, string(line))
			continue
		}
		line, err := describe(frame)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%8d  %s\n", frame.Seq, line)
	}
	return nil
}

type jobsCmd struct {
	serverSettings
	Failed bool `env:"-" help:"Only those that failed."`
	Page   int  `env:"-" default:"1" help:"Which page of 20."`
}

// Run lists jobs.
func (c *jobsCmd) Run(ctx context.Context, p *process) error {
	query := url.Values{"page": {strconv.Itoa(c.Page)}}
	if c.Failed {
		query.Set("status", "failed")
	}
	var list struct {
		Jobs  []jobRow `json:"jobs"`
		Total int      `json:"total"`
	}
	if err := c.call(ctx, "GET", "/history?"+query.Encode(), nil, "", &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if c.Failed {
		fmt.Fprintln(w, "JOB\tSTAGE\tCODE\tATTEMPTS\tUPLOADED\tFILE\tERROR")
	} else {
		fmt.Fprintln(w, "JOB\tSTATUS\t%\tUPLOADED\tFILE\tERROR")
	}
	for _, j := range list.Jobs {
		if c.Failed {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.JobID, j.Stage, j.Code, j.attempts(), j.CreatedAt.Local().Format(time.DateTime), j.FileName, j.Error)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", j.JobID, j.Status, j.Progress, j.CreatedAt.Local().Format(time.DateTime), j.FileName, j.Error)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if shown := (c.Page-1)*20 + len(list.Jobs); shown < list.Total {
		fmt.Fprintf(p.out, "%d of %d; the next are on --page %d\n", shown, list.Total, c.Page+1)
	}
	return nil
}

type reportCmd struct {
	serverSettings
	Job     string `arg:"" help:"The job's id."`
	Rejects bool   `env:"-" help:"Only the rows to correct, as a workbook to be uploaded again."`
	File    string `env:"-" short:"o" type:"path" placeholder:"FILE" help:"Where to put it; report-JOB.xlsx or rejects-JOB.xlsx otherwise."`
}

// Run downloads a report.
func (c *reportCmd) Run(ctx context.Context, p *process) error {
	part := "report"
	if c.Rejects {
		part = "rejects"
	}
	file := cmp.Or(c.File, part+"-"+url.PathEscape(c.Job)+".xlsx")
	if err := c.report(ctx, c.Job, part, file); err != nil {
		return err
	}
	fmt.Fprintln(p.out, file)
	return nil
}
