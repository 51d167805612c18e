package main

import (
	"context"
	"fmt"
	"net/url"
)

// steerSettings are those of the commands that steer a job.
type steerSettings struct {
	serverSettings
	Job string `arg:"" help:"The job's id."`
}

// steer asks for something to be done to the job and returns the id of the one to
// follow.
func (c *steerSettings) steer(ctx context.Context, p *process, what string) (string, error) {
	var job struct {
		JobID   string `json:"job_id"`
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	if err := c.call(ctx, "POST", "/"+what+"/"+url.PathEscape(c.Job), nil, "", &job); err != nil {
		return "", err
	}
	fmt.Fprintf(p.out, "%s is %s: %s\n", job.JobID, job.Status, job.Message)
	return job.JobID, nil
}

type cancelCmd struct{ steerSettings }

// Run cancels the job.
func (c *cancelCmd) Run(ctx context.Context, p *process) error {
	_, err := c.steer(ctx, p, "cancel")
	return err
}

type retryCmd struct {
	steerSettings
	Watch bool `env:"-" help:"Follow the job until it ends."`
}

// Run sets the job to work again.
func (c *retryCmd) Run(ctx context.Context, p *process) error {
	id, err := c.steer(ctx, p, "retry")
	if err != nil || !c.Watch {
		return err
	}
	_, err = watch(ctx, p, c.serverSettings, id, 0)
	return err
}

type undoCmd struct {
	steerSettings
	Watch bool `env:"-" help:"Follow the job that undoes until it ends."`
}

// Run takes back what the job has written.
func (c *undoCmd) Run(ctx context.Context, p *process) error {
	id, err := c.steer(ctx, p, "undo")
	if err != nil || !c.Watch {
		return err
	}
	_, err = watch(ctx, p, c.serverSettings, id, 0)
	return err
}
