package main

import (
	"fmt"
	"time"

	"rollcall.example/gateway/auth"
)

type tokenCmd struct {
	User   string        `required:"" help:"The user's id."`
	Role   string        `default:"member" enum:"${roles}" help:"${help_roles}"`
	Secret string        `required:"" env:"ROLLCALL_JWT_SECRET" help:"The secret that the server checks tokens with."`
	TTL    time.Duration `name:"ttl" env:"-" default:"12h" help:"How long the token is good for."`
}

// Run prints a token.
func (c *tokenCmd) Run(p *process) error {
	token, err := auth.Mint(c.Secret, c.User, c.Role, c.TTL, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, token)
	return err
}
