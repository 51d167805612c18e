package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"rollcall.example/gateway/client"
)

type registerCmd struct {
	serverSettings
	Ward string `arg:"" help:"The ward's code, 8 digits."`
	File string `env:"-" short:"o" type:"path" placeholder:"FILE" help:"Where to put it; register-WARD.pdf otherwise."`
}

// Run downloads the attendance register of a ward.
func (c *registerCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	file := cmp.Or(c.File, "register-"+url.PathEscape(c.Ward)+".pdf")
	if err := client.SavePath(ctx, api, "/wards/"+url.PathEscape(c.Ward)+"/register", file); err != nil {
		return err
	}
	fmt.Fprintln(p.out, file)
	return nil
}
