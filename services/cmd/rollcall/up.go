package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall.example/gateway/auth"
	"rollcall.example/services/app"
)

type upCmd struct{ app.UpConfig }

// Run serves until ctx ends.
func (c *upCmd) Run(ctx context.Context, p *process) (err error) {
	p.logBuild(ctx)
	c.Process = p.appProcess()
	a, err := app.Up(ctx, c.UpConfig)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	fmt.Fprintf(p.out, "rollcall is up on %s\n", a.URL())
	if !c.Tokens.Given() {
		token, err := auth.Mint(a.TokenSecret(), "you", "national_admin", consoleTTL, time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "the console, signed in: %s/#token=%s\n", a.URL(), token)
		fmt.Fprintf(p.out, "a token for you: "+
			"rollcall token --user alice --role national_admin --secret $(cat %s/jwt-secret)\n", c.Data)
	}
	if c.NATS.URL == "" {
		fmt.Fprintf(p.out, "for the NATS CLI: . %s/%s\n", c.Data, app.NATSEnv)
	}
	return a.Run(ctx)
}

// consoleTTL is how long somebody stays signed in to whom up or demo hand a
// token, in the fragment of the console's address: no server or log sees that.
const consoleTTL = 12 * time.Hour
