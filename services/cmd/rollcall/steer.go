package main

import (
	"context"
	"fmt"

	"rollcall.example/gateway/client"
)

// steerSettings are those of the commands that steer a job.
type steerSettings struct {
	serverSettings
	Job string `arg:"" help:"The job's id."`
}

// steer has something done to the job, prints where it stands and, if asked to, follows
// it, or the job that begins, to its end.
func (s *steerSettings) steer(ctx context.Context, p *process, follow bool,
	do func(*client.Client, context.Context, string) (client.JobState, error)) error {
	api, err := s.client()
	if err != nil {
		return err
	}
	job, err := do(api, ctx, s.Job)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s is %s: %s\n", job.JobID, job.Status, job.Message)
	if !follow {
		return nil
	}
	_, err = watch(ctx, p, api, job.JobID, 0)
	return err
}

type cancelCmd struct{ steerSettings }

// Run cancels the job.
func (c *cancelCmd) Run(ctx context.Context, p *process) error {
	return c.steer(ctx, p, false, (*client.Client).Cancel)
}

type retryCmd struct {
	steerSettings
	Watch bool `env:"-" help:"Follow the job until it ends."`
}

// Run runs the job again.
func (c *retryCmd) Run(ctx context.Context, p *process) error {
	return c.steer(ctx, p, c.Watch, (*client.Client).Retry)
}

type undoCmd struct {
	steerSettings
	Watch bool `env:"-" help:"Follow the job that undoes until it ends."`
}

// Run takes back what the job has written.
func (c *undoCmd) Run(ctx context.Context, p *process) error {
	return c.steer(ctx, p, c.Watch, (*client.Client).Undo)
}

type commitCmd struct {
	steerSettings
	Watch bool `env:"-" help:"Follow the job that writes until it ends."`
}

// Run writes what the dry run has shown.
func (c *commitCmd) Run(ctx context.Context, p *process) error {
	return c.steer(ctx, p, c.Watch, (*client.Client).Commit)
}

type approveCmd struct {
	steerSettings
	Reason string `env:"-" help:"What is kept with the approval."`
	Watch  bool   `env:"-" help:"Follow the job until it ends."`
}

// Run lets the job write.
func (c *approveCmd) Run(ctx context.Context, p *process) error {
	return c.steer(ctx, p, c.Watch, func(api *client.Client, ctx context.Context, job string) (client.JobState, error) {
		return api.Approve(ctx, job, c.Reason)
	})
}

type declineCmd struct {
	steerSettings
	Reason string `env:"-" required:"" help:"Why. The uploader reads it."`
}

// Run ends the job.
func (c *declineCmd) Run(ctx context.Context, p *process) error {
	return c.steer(ctx, p, false, func(api *client.Client, ctx context.Context, job string) (client.JobState, error) {
		return api.Decline(ctx, job, c.Reason)
	})
}

type takeOverCmd struct {
	steerSettings
	Watch bool `env:"-" help:"Follow the job that writes the rows until it ends."`
}

// Run writes the waiting rows.
func (c *takeOverCmd) Run(ctx context.Context, p *process) error {
	return c.steer(ctx, p, c.Watch, (*client.Client).Complete)
}
