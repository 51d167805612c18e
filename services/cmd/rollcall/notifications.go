package main

import (
	"context"
	"fmt"

	"rollcall.example/gateway/client"
)

type notifyCmd struct {
	serverSettings
	Jobs    *bool `env:"-" negatable:"" help:"Tell me when a job of mine ends, fails or waits for approval."`
	Waiting *bool `env:"-" negatable:"" help:"Tell me when a job of somebody else waits for my approval."`
}

// Run changes what the user is told by e-mail, and prints it.
func (c *notifyCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	now, err := client.ReadNotifications(ctx, api)
	if err != nil {
		return err
	}
	if c.Jobs != nil || c.Waiting != nil {
		jobs, waiting := now.Jobs, now.Waiting
		if c.Jobs != nil {
			jobs = *c.Jobs
		}
		if c.Waiting != nil {
			waiting = *c.Waiting
		}
		if now, err = client.SaveNotifications(ctx, api, jobs, waiting); err != nil {
			return err
		}
	}
	return printNotifications(p, now)
}

func printNotifications(p *process, n client.Notifications) error {
	at := n.Email
	switch {
	case !n.Available:
		at = "this server sends no e-mail"
	case at == "":
		at = "your sign-in names no address"
	}
	onOff := map[bool]string{true: "on", false: "off"}
	_, err := fmt.Fprintf(p.out, "e-mail   %s\njobs     %s\nwaiting  %s\n", at, onOff[n.Jobs], onOff[n.Waiting])
	return err
}
