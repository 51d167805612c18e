package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"rollcall.example/services/app"
)

type upCmd struct{ app.UpConfig }

// Run serves until ctx ends.
func (c *upCmd) Run(ctx context.Context, p *process) (err error) {
	p.logBuild(ctx)
	c.Process = p.appProcess()
	if err := c.ForgetOwn(p.getenv); err != nil {
		return err
	}
	a, err := app.Up(ctx, c.UpConfig)
	if err != nil && ctx.Err() != nil {
		return nil // it was told to stop while it waited
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	fmt.Fprintf(p.out, "rollcall is up on %s\n", a.URL())
	if c.OIDC.Given() {
		fmt.Fprintf(p.out, "the console: sign in there with your account at %s\n", c.OIDC.Issuer)
	} else if !c.Tokens.Given() {
		if err := c.printSignIn(p, a); err != nil {
			return err
		}
	}
	if c.NATS.URL == "" {
		fmt.Fprintf(p.out, "for the NATS CLI: . %s/%s\n", c.Data, app.NATSEnv)
	}
	return a.Run(ctx)
}

// printSignIn tells how to sign in to the console. The link for the password goes to a
// terminal only: a file, a pipe or a journal would hand it to whoever reads that.
func (c *upCmd) printSignIn(p *process, a *app.App) error {
	switch link := app.SetupLink(a); {
	case link == "":
		fmt.Fprintln(p.out, "the console: sign in there with your password")
	case isTerminal(p.out):
		fmt.Fprintf(p.out, "the console, where you set your password first, within an hour: %s\n", link)
	default:
		fmt.Fprintf(p.out, "the console: set your password first, within an hour, with the link in %s\n",
			filepath.Join(c.Data, app.AdminLink))
	}
	const how = "a token for a program: rollcall token --user alice --role national_admin --secret-file %s\n"
	_, err := fmt.Fprintf(p.out, how, filepath.Join(c.Data, "jwt-secret"))
	return err
}

// consoleTTL is how long somebody stays signed in to whom demo hands a token, in the
// fragment of the console's address: no server or log sees that.
const consoleTTL = 12 * time.Hour
