package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

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
