package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"rollcall.example/events"
	"rollcall.example/gateway/auth"
	"rollcall.example/services/app"
	"rollcall.example/services/doctor"
	"rollcall.example/services/iec"
)

type doctorCmd struct {
	JSON      bool                  `name:"json" env:"-" help:"Print one JSON document instead of lines."`
	Data      string                `default:"rollcall-data" type:"path" placeholder:"DIR" help:"${help_doctor_data}"`
	NATS      app.NATSSettings      `embed:""`
	Database  app.DatabaseSettings  `embed:""`
	Provision app.ProvisionSettings `embed:""`
	Tokens    app.TokenSettings     `embed:"" prefix:"jwt-"`
	IEC       app.IECSettings       `embed:"" prefix:"iec-"`
	SMTP      app.SMTPSettings      `embed:"" prefix:"smtp-"`
}

// Run looks at everything that it is told where to find. The error says that
// something is broken.
func (c *doctorCmd) Run(ctx context.Context, p *process) error {
	found := doctor.Examine(ctx, c.config(p))
	if err := c.print(p.out, found); err != nil {
		return err
	}
	if n := found.Count(doctor.Broken); n > 0 {
		return fmt.Errorf("doctor: %d broken", n)
	}
	return nil
}

func (c *doctorCmd) config(p *process) doctor.Config {
	cfg := doctor.Config{
		Getenv: p.getenv, Data: c.Data, NATSEnv: filepath.Join(c.Data, app.NATSEnv),
		NATS:      events.Connection{URL: c.NATS.URL, CA: c.NATS.CA, Cert: c.NATS.Cert, Key: c.NATS.Key},
		Provision: c.Provision.Config(), Database: c.Database.URL,
		IEC: doctor.IEC{URL: c.IEC.URL, Timeout: c.IEC.Timeout, SignIn: func(ctx context.Context) error {
			return c.signIn(ctx, app.SecretsFrom(p.getenv))
		}},
	}
	// What up left in a file is up's, and not the settings of services that run apart: it
	// is looked at as what there is in the data folder.
	if dir := app.LeftByUp(p.getenv, "ROLLCALL_NATS", c.NATS.URL); dir != "" {
		cfg.NATS.URL, cfg.NATSEnv = "", filepath.Join(dir, app.NATSEnv)
	}
	if c.SMTP.Given() {
		cfg.Mail = c.SMTP.Server(app.SecretsFrom(p.getenv).SMTPPassword).Check
	}
	if c.Tokens.Given() {
		cfg.Tokens.Check = func(ctx context.Context) error {
			tokens := c.Tokens
			if err := tokens.ReadFile(p.log); err != nil {
				return err
			}
			v, err := auth.New(ctx, tokens.Config())
			if err == nil {
				v.Close()
			}
			return err
		}
	}
	return cfg
}

func (c *doctorCmd) signIn(ctx context.Context, s app.Secrets) error {
	client, err := iec.NewClient(iec.ClientConfig{
		BaseURL: c.IEC.URL, Timeout: c.IEC.Timeout, Username: s.IECUsername, Password: s.IECPassword,
	})
	if err != nil {
		return &doctor.AddressError{Err: err}
	}
	defer client.Close()
	if err = client.SignIn(ctx); errors.Is(err, iec.ErrCredentials) {
		return &doctor.CredentialsError{Err: err}
	}
	return err
}

func (c *doctorCmd) print(out io.Writer, found doctor.Findings) error {
	if c.JSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"healthy": found.Count(doctor.Broken) == 0, "findings": found})
	}
	for _, f := range found {
		line := fmt.Sprintf("%-8s %s", f.State, f.Name)
		if f.Found != "" {
			line += ": " + f.Found
		}
		if f.Mend != "" {
			line += "\n         -> " + f.Mend
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%d ok, %d warnings, %d broken, %d skipped\n", found.Count(doctor.Fine),
		found.Count(doctor.Warning), found.Count(doctor.Broken), found.Count(doctor.Skipped))
	return err
}
