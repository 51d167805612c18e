package main

import (
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/gateway/auth"
	"rollcall.example/services/app"
)

type tokenCmd struct {
	User       string        `required:"" help:"The user's id."`
	Role       string        `default:"member" enum:"${roles}" help:"${help_roles}"`
	Secret     string        `env:"ROLLCALL_JWT_SECRET" help:"The secret that the server checks tokens with."`
	SecretFile string        `env:"ROLLCALL_JWT_SECRET_FILE" type:"path" placeholder:"FILE" help:"${help_secret_file}"`
	TTL        time.Duration `name:"ttl" env:"-" default:"12h" help:"${help_ttl}"`
	JTI        string        `name:"jti" env:"-" placeholder:"ID" help:"${help_jti}"`

	Province     []string `env:"-" placeholder:"CODE" help:"Provinces that the user works in."`
	Municipality []string `env:"-" placeholder:"CODE" help:"Municipalities that the user works in."`
	Ward         []string `env:"-" placeholder:"CODE" help:"Wards that the user works in."`
	Email        string   `env:"-" placeholder:"ADDRESS" help:"The user's e-mail address, for those who want to be told."`

	Issuer   []string `env:"ROLLCALL_JWT_ISSUER" placeholder:"ISSUER" help:"${help_token_issuer}"`
	Audience []string `env:"ROLLCALL_JWT_AUDIENCE" placeholder:"AUDIENCE" help:"Audiences that the token is for (aud)."`

	Claims app.ClaimSettings      `embed:"" prefix:"jwt-"`
	Places app.PlaceClaimSettings `embed:"" prefix:"jwt-"`
}

// Run prints a token.
func (c *tokenCmd) Run(p *process) error {
	switch {
	case c.Secret == "" && c.SecretFile == "":
		return errors.New("token: give --secret-file or --secret")
	case c.Secret != "" && c.SecretFile != "":
		return errors.New("token: give only one of --secret-file and --secret")
	case c.SecretFile != "":
		var err error
		if c.Secret, err = app.ReadSecret(c.SecretFile, p.log); err != nil {
			return fmt.Errorf("token: %w", err)
		}
	}
	if err := errors.Join(c.Claims.Validate(), c.Places.Validate()); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	grant := auth.Grant{
		User: events.User{ID: c.User, Role: c.Role}, TTL: c.TTL, TokenID: c.JTI,
		Provinces: c.Province, Municipalities: c.Municipality, Wards: c.Ward, Places: c.Places.Claims(),
		Audience: c.Audience, Email: c.Email, UserClaim: c.Claims.UserClaim[0], RoleClaim: c.Claims.RoleClaim[0],
	}
	if len(c.Issuer) > 0 {
		grant.Issuer = c.Issuer[0]
	}
	token, err := grant.Sign(c.Secret, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, token)
	return err
}
