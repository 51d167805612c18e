package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall.example/gateway/client"
	"rollcall.example/schema"
	"rollcall.example/services/app"
)

type demoCmd struct {
	Dir      string        `default:"rollcall-demo" env:"-" type:"path" placeholder:"DIR" help:"${help_demo_dir}"`
	NATSConf string        `name:"nats-conf" env:"-" type:"existingfile" placeholder:"FILE" help:"${help_nats_conf}"`
	Keep     bool          `env:"-" help:"Keep running afterwards, until Ctrl-C."`
	Within   time.Duration `env:"-" default:"2m" help:"Give up after this time."`
}

// Run shows what rollcall does, on real parts.
func (c *demoCmd) Run(ctx context.Context, p *process) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	quiet := *p // what goes well is shown anyway
	quiet.log = slog.New(minLevel{p.log.Handler(), slog.LevelWarn})
	p = &quiet
	cfg := app.DefaultUp()
	cfg.Addr, cfg.NATSConf, cfg.Data = "127.0.0.1:0", c.NATSConf, filepath.Join(c.Dir, "data")
	cfg.Process = p.appProcess()
	fmt.Fprintln(p.out, "Starting NATS, PostgreSQL, a simulated IEC, the five services and the gateway ...")
	a, err := app.Up(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.Run(ctx) })
	group.Go(func() error {
		limited, cancel := context.WithTimeoutCause(ctx, c.Within, fmt.Errorf("the demo took longer than %s", c.Within))
		defer cancel()
		if err := c.show(limited, p, a); err != nil {
			return errors.Join(err, context.Cause(limited))
		}
		if !c.Keep {
			stop()
		}
		return nil
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (c *demoCmd) show(ctx context.Context, p *process, a *app.App) error {
	url := a.URL()
	sample, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		return err
	}
	file := filepath.Join(c.Dir, "roll-500.xlsx")
	if err := os.WriteFile(file, sample, 0o600); err != nil {
		return err
	}
	token, err := a.SignToken("demo", "national_admin", consoleTTL)
	if err != nil {
		return err
	}
	api, err := serverSettings{Server: url, Token: token}.client()
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "It is up on %s. Uploading %s, 500 people who do not exist ...\n\n", url, file)
	jobID, err := uploadFile(ctx, api, file, client.UploadOptions{})
	if err != nil {
		return err
	}
	last, err := watch(ctx, p, api, jobID, 0)
	if err != nil {
		return err
	}
	report := filepath.Join(c.Dir, "report-"+jobID+".xlsx")
	if err := api.Save(ctx, jobID, client.Report, report); err != nil {
		return err
	}
	if err := c.totals(p, last, jobID, report); err != nil || !c.Keep {
		return err
	}
	if isTerminal(p.out) {
		_, err = fmt.Fprintf(p.out, "\nThe job in the console, signed in: %s/#token=%s&/jobs/%s\nCtrl-C ends it.\n",
			url, token, jobID)
		return err
	}
	// What is no terminal may be kept, and a token with it.
	_, err = fmt.Fprintf(p.out, "\nThe job in the console: %s/#/jobs/%s\nSign in with a token: "+
		"rollcall token --user demo --role national_admin --secret-file %s\nCtrl-C ends it.\n",
		url, jobID, filepath.Join(c.Dir, "data", "jwt-secret"))
	return err
}

func (c *demoCmd) totals(p *process, last client.Frame, jobID, report string) error {
	d, err := last.Complete()
	if err != nil {
		return err
	}
	v, db := d.Validation, d.Database
	fmt.Fprintf(p.out, `
%d rows: %d valid, %d with a bad ID number, %d duplicates, %d warnings
IEC: %d registered, %d not registered, %d deceased, %d abroad, %d not verified
members: %d new, %d updated, %d unchanged, %d refused

The report: %s
The job:    %s

What to try next:
  go tool task up              keep it running, on http://127.0.0.1:8080: open the link, set a password, sign in
  export ROLLCALL_TOKEN=$(%s)
  bin/rollcall upload %s --watch
  bin/rollcall jobs
  bin/rollcall --help
`, v.TotalRecords, v.ValidRecords, v.InvalidIDs, v.Duplicates, v.Warnings,
		v.Registered, v.NotRegistered, v.Deceased, v.International, v.Unverified,
		db.Inserts, db.Updates, db.Unchanged, db.Errors, report, jobID,
		`bin/rollcall token --user you --role national_admin --secret-file rollcall-data/jwt-secret`,
		filepath.Join(c.Dir, "roll-500.xlsx"))
	return nil
}

// minLevel lets records of a level and above through.
type minLevel struct {
	slog.Handler
	level slog.Level
}

// Enabled implements slog.Handler.
func (h minLevel) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs implements slog.Handler.
func (h minLevel) WithAttrs(attrs []slog.Attr) slog.Handler {
	return minLevel{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup implements slog.Handler.
func (h minLevel) WithGroup(name string) slog.Handler {
	return minLevel{h.Handler.WithGroup(name), h.level}
}
