package main

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/services/app"
)

type serveCmd struct{ app.ServeConfig }

// Run serves one service until ctx ends.
func (c *serveCmd) Run(ctx context.Context, p *process) (err error) {
	p.logBuild(ctx)
	c.Process = p.appProcess()
	a, err := app.Serve(ctx, c.ServeConfig)
	if err != nil && ctx.Err() != nil {
		return nil // it was told to stop while it waited
	}
	if err != nil {
		return fmt.Errorf("serve %w", err)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	fmt.Fprintf(p.out, "%s is up on %s\n", c.Service, a.URL())
	return a.Run(ctx)
}
