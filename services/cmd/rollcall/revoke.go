package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/revocation"
	"rollcall.example/services/app"
)

type revokeCmd struct {
	User    string           `env:"-" xor:"what" placeholder:"ID" help:"${help_revoke_user}"`
	JTI     string           `env:"-" xor:"what" name:"jti" placeholder:"ID" help:"Revoke the token with this id (jti)."`
	List    bool             `env:"-" xor:"what" help:"List what is revoked now."`
	Restore bool             `env:"-" help:"Take it back: what has not expired is good again."`
	For     time.Duration    `env:"-" default:"720h" help:"${help_revoke_for}"`
	Until   time.Time        `env:"-" format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"${help_revoke_until}"`
	JSON    bool             `env:"-" name:"json" help:"Print each of the list as a line of JSON."`
	NATS    app.NATSSettings `embed:""`
}

// revokedWithin is how long it takes until each process knows.
const revokedWithin = 5 * time.Second

// Run revokes tokens, takes that back or lists what is revoked.
func (c *revokeCmd) Run(ctx context.Context, p *process) (err error) {
	if c.User == "" && c.JTI == "" && !c.List {
		return errors.New("revoke: give --user, --jti or --list")
	}
	if c.NATS.URL == "" {
		return fmt.Errorf("revoke: no NATS: give --nats, or read %s of the data folder", app.RevokeEnv)
	}
	entry, err := c.entry(time.Now())
	if err != nil {
		return err
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	js, err := in.NATS("revoker")
	if err != nil {
		return err
	}
	if c.List {
		list, err := revocation.List(ctx, js)
		if err != nil {
			return err
		}
		return c.print(p, list)
	}
	what := "all tokens that " + entry.User + " has got until now"
	if c.JTI != "" {
		what = "the token " + c.JTI
	}
	if c.Restore {
		if err := revocation.Restore(ctx, js, entry); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "no longer revoked: %s\n", what)
		return err
	}
	if err := revocation.Revoke(ctx, js, entry); err != nil {
		return err
	}
	if c.User != "" {
		// Tokens tell the second of their issue only. One that is issued from now on is good.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(entry.At.Truncate(time.Second).Add(time.Second))):
		}
	}
	_, err = fmt.Fprintf(p.out, "revoked: %s, everywhere within %s\n", what, revokedWithin)
	return err
}

// entry returns what the flags ask for.
func (c *revokeCmd) entry(now time.Time) (revocation.Entry, error) {
	e := revocation.Entry{TokenID: c.JTI, At: now.UTC(), By: systemUser()}
	if c.User != "" {
		e.User = events.UserID(c.User)
	}
	switch {
	case c.For < 0:
		return e, errors.New("revoke: for must be at least 0s")
	case !c.Until.IsZero() && !c.Until.After(now):
		return e, errors.New("revoke: until must be in the future")
	case !c.Until.IsZero():
		e.Until = c.Until.UTC()
	case c.For > 0:
		e.Until = e.At.Add(c.For)
	}
	return e, nil
}

func (c *revokeCmd) print(p *process, list []revocation.Entry) error {
	lines := json.NewEncoder(p.out)
	for _, e := range list {
		if c.JSON {
			if err := lines.Encode(e); err != nil {
				return err
			}
			continue
		}
		what, until := "user "+e.User, "for ever"
		if e.TokenID != "" {
			what = "token " + e.TokenID
		}
		if !e.Until.IsZero() {
			until = "until " + e.Until.Format(time.RFC3339)
		}
		if _, err := fmt.Fprintf(p.out, "%s  %s  %s, by %s\n", e.At.Format(time.RFC3339), what, until, e.By); err != nil {
			return err
		}
	}
	return nil
}

// systemUser names who runs the program, as the system knows them.
func systemUser() string {
	who, err := user.Current()
	if err != nil {
		return fmt.Sprint("uid ", os.Getuid()) // containers have no list of users
	}
	return who.Username
}
