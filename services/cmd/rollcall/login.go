package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/term"

	"rollcall.example/gateway/client"
	"rollcall.example/gateway/client/login"
)

type loginCmd struct {
	Server      string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Credentials string `type:"path" placeholder:"FILE" help:"${help_credentials}"`
}

// Run signs somebody in, and keeps the tokens for the other commands.
func (c *loginCmd) Run(ctx context.Context, p *process) error {
	store, err := login.Open(c.Credentials)
	if err != nil {
		return err
	}
	ways, err := login.Ways(ctx, c.Server)
	if err != nil {
		return err
	}
	var e login.Entry
	switch {
	case ways.Provider != nil:
		e, err = login.Device(ctx, *ways.Provider, func(address, code string) error {
			_, err := fmt.Fprintf(p.out, "Open %s\nand enter the code %s\n", address, code)
			return err
		})
	case ways.Password != nil && ways.Password.Set:
		var password string
		if password, err = askPassword(p.out, ways.Password.User); err == nil {
			e, err = login.Password(ctx, c.Server, password)
		}
	case ways.Password != nil:
		err = fmt.Errorf("set the password of %s first, in the console", ways.Password.User)
	default:
		err = fmt.Errorf("%s has no provider to sign in at: give --token or ROLLCALL_TOKEN", c.Server)
	}
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	// A token that the server does not take is of no use to the other commands.
	api, err := client.New(client.Config{URL: c.Server, Token: e.Token})
	if err != nil {
		return err
	}
	var me struct {
		User string `json:"user_id"`
		Role string `json:"role"`
	}
	if err := api.Call(ctx, http.MethodGet, "/me", &me); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	if err := store.Put(c.Server, e); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "Signed in to %s as %s (%s).\n", c.Server, me.User, me.Role)
	return err
}

type logoutCmd struct {
	Server      string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Credentials string `type:"path" placeholder:"FILE" help:"${help_credentials}"`
}

// Run forgets the tokens, and ends the refresh token at the provider.
func (c *logoutCmd) Run(ctx context.Context, p *process) error {
	store, err := login.Open(c.Credentials)
	if err != nil {
		return err
	}
	e, err := store.Get(c.Server)
	if errors.Is(err, login.ErrNone) {
		_, err = fmt.Fprintf(p.out, "Nobody was signed in to %s.\n", c.Server)
		return err
	}
	if err != nil {
		return err
	}
	if err := store.Remove(c.Server); err != nil {
		return err
	}
	if err := login.Revoke(ctx, e); err != nil {
		return fmt.Errorf("logout: forgotten here; at the provider the session goes on: %w", err)
	}
	_, err = fmt.Fprintf(p.out, "Signed out of %s.\n", c.Server)
	return err
}

// askPassword reads a password from the terminal without showing it, or the first line of
// what is no terminal.
func askPassword(out io.Writer, user string) (string, error) {
	fmt.Fprintf(out, "Password of %s: ", user)
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil && line == "" {
			return "", fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	password, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(out)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(password), nil
}
