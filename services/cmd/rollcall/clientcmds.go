package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

type uploadCmd struct {
	serverSettings
	File    string `arg:"" type:"existingfile" help:"The spreadsheet."`
	Watch   bool   `env:"-" help:"Follow the job until it ends."`
	Resume  bool   `env:"-" help:"${help_resume}"`
	DryRun  bool   `env:"-" help:"Write nothing to the database; the report says what would be written."`
	SkipIEC bool   `env:"-" name:"skip-iec" help:"Ask the IEC about nobody."`
}

// Run uploads a file.
func (c *uploadCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	options := client.UploadOptions{DryRun: c.DryRun, SkipIEC: c.SkipIEC}
	send := uploadFile
	if c.Resume {
		send = resumeUpload
	}
	jobID, err := send(ctx, api, c.File, options)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, jobID)
	if !c.Watch {
		return nil
	}
	_, err = watch(ctx, p, api, jobID, 0)
	return err
}

// resumeUpload sends what has not arrived yet, and notes in the user's cache where the
// upload is.
func resumeUpload(
	ctx context.Context, c *client.Client, path string, o client.UploadOptions,
) (jobID string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("resume upload: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read from
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	notes := filepath.Join(cache, "rollcall", "uploads")
	jobID, err = c.UploadInParts(ctx, filepath.Base(path), file, info.Size(), o, client.PartOptions{Notes: notes})
	if _, refused := errors.AsType[*refusal.Error](err); err != nil && !refused {
		err = fmt.Errorf("%w; the same command goes on from there", err)
	}
	return jobID, err
}

type watchCmd struct {
	serverSettings
	Job   string `arg:"" help:"The job's id."`
	After uint64 `env:"-" help:"Leave out events up to this sequence."`
}

// Run follows a job.
func (c *watchCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	_, err = watch(ctx, p, api, c.Job, c.After)
	return err
}

// errJobFailed ends a command when the job that it watched did not complete. Why has been
// printed.
var errJobFailed = errors.New("the job did not complete")

// watch prints a job's frames until it ends, and returns the last.
func watch(ctx context.Context, p *process, c *client.Client, jobID string, after uint64) (client.Frame, error) {
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
	if last.Event == frames.EventFailed {
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
	api, err := c.client()
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
	api, err := c.client()
	if err != nil {
		return err
	}
	status := events.Status("")
	if c.Failed {
		status = events.StatusFailed
	}
	list, err := api.Jobs(ctx, c.Page, status)
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
