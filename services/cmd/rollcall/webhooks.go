package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"rollcall.example/events"
	"rollcall.example/gateway/client"
)

type webhooksCmd struct {
	List       webhookListCmd       `cmd:"" help:"List your webhooks."`
	Add        webhookAddCmd        `cmd:"" help:"Have events posted to a server. Prints the secret, once."`
	Test       webhookTestCmd       `cmd:"" help:"Have a test posted, and tell how the server answered."`
	Rotate     webhookRotateCmd     `cmd:"" help:"Replace the secret and print the new one. Both sign for a day."`
	Deliveries webhookDeliveriesCmd `cmd:"" help:"List what was posted, newest first."`
	Remove     webhookRemoveCmd     `cmd:"" help:"Delete a webhook."`
}

type webhookListCmd struct{ serverSettings }

type webhookAddCmd struct {
	serverSettings
	URL    string        `arg:"" env:"-" help:"URL of your server, https."`
	Job    string        `env:"-" help:"Only of this job; otherwise of all jobs that you upload."`
	Events []events.Kind `env:"-" help:"${help_webhook_events}"`
}

// webhookID is the argument of what is done with one webhook.
type webhookID struct {
	serverSettings
	ID string `arg:"" env:"-" help:"Id of the webhook."`
}

type webhookTestCmd struct {
	webhookID
	Timeout time.Duration `env:"-" default:"30s" help:"How long to wait for the answer."`
}

type (
	webhookRotateCmd     struct{ webhookID }
	webhookDeliveriesCmd struct{ webhookID }
	webhookRemoveCmd     struct{ webhookID }
)

func (c *serverSettings) webhooks() (client.Webhooks, error) {
	api, err := c.client()
	if err != nil {
		return client.Webhooks{}, err
	}
	return client.WebhooksOf(api), nil
}

// Run lists the webhooks.
func (c *webhookListCmd) Run(ctx context.Context, p *process) error {
	hooks, err := c.webhooks()
	if err != nil {
		return err
	}
	list, err := hooks.List(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tURL\tEVENTS\tSTATE")
	for _, h := range list {
		fmt.Fprintf(table, "%s\t%s\t%v\t%s\n", h.ID, h.URL, h.Events, describeWebhook(h))
	}
	return table.Flush()
}

func describeWebhook(h client.Webhook) string {
	switch {
	case !h.DisabledAt.IsZero():
		return "disabled: " + h.DisabledReason
	case h.Failures > 0:
		return fmt.Sprintf("failing since %s, %d attempts", h.FailingSince.Local().Format(time.DateTime), h.Failures)
	}
	return "ok"
}

// Run registers a webhook.
func (c *webhookAddCmd) Run(ctx context.Context, p *process) error {
	hooks, err := c.webhooks()
	if err != nil {
		return err
	}
	hook, err := hooks.Add(ctx, c.URL, c.Job, c.Events)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s\n%s\n", hook.ID, hook.Secret)
	return nil
}

// Run asks for a test and waits for its result.
func (c *webhookTestCmd) Run(ctx context.Context, p *process) error {
	hooks, err := c.webhooks()
	if err != nil {
		return err
	}
	asked, err := hooks.Test(ctx, c.ID)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	for {
		list, err := hooks.Deliveries(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, d := range list {
			if d.Event != events.KindWebhookTest || !d.CreatedAt.Equal(asked.CreatedAt) || d.State == "pending" {
				continue
			}
			if d.State == "failed" {
				return errors.New("test webhook: " + d.Error)
			}
			fmt.Fprintf(p.out, "The server answered %d.\n", d.Status)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("test webhook: no result after %s; see rollcall webhooks deliveries: %w", c.Timeout, ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// Run replaces the secret.
func (c *webhookRotateCmd) Run(ctx context.Context, p *process) error {
	hooks, err := c.webhooks()
	if err != nil {
		return err
	}
	hook, err := hooks.Rotate(ctx, c.ID)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, hook.Secret)
	return nil
}

// Run lists the deliveries.
func (c *webhookDeliveriesCmd) Run(ctx context.Context, p *process) error {
	hooks, err := c.webhooks()
	if err != nil {
		return err
	}
	list, err := hooks.Deliveries(ctx, c.ID)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CREATED\tEVENT\tJOB\tSTATE\tATTEMPTS\tLAST")
	for _, d := range list {
		last := d.Error
		if last == "" && d.Status != 0 {
			last = fmt.Sprint(d.Status)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", d.CreatedAt.Local().Format(time.DateTime), d.Event, d.JobID,
			d.State, d.Attempts, last)
	}
	return table.Flush()
}

// Run deletes the webhook.
func (c *webhookRemoveCmd) Run(ctx context.Context, _ *process) error {
	hooks, err := c.webhooks()
	if err != nil {
		return err
	}
	return hooks.Remove(ctx, c.ID)
}
