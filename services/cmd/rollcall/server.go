package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"rollcall.example/gateway/client"
	"rollcall.example/gateway/client/login"
)

// serverSettings say which server a client command talks to, and as whom.
type serverSettings struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Token  string `placeholder:"JWT" help:"${help_token}"`
	// Credentials of "" is the file that login writes.
	Credentials string `type:"path" placeholder:"FILE" help:"${help_credentials}"`
}

func (s serverSettings) client() (*client.Client, error) {
	if s.Token == "" {
		return s.signedIn()
	}
	return client.New(client.Config{URL: s.Server, Token: s.Token})
}

// signedIn returns the client of whoever has signed in with login.
func (s serverSettings) signedIn() (*client.Client, error) {
	store, err := login.Open(s.Credentials)
	if err != nil {
		return nil, err
	}
	source, err := store.Source(s.Server)
	if errors.Is(err, login.ErrNone) {
		return nil, errors.New("no token: sign in with rollcall login, or give --token or ROLLCALL_TOKEN; " +
			"rollcall token prints one")
	}
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: s.Server, TokenSource: source})
}

// printJSON prints what a server has answered, indented.
func printJSON(out io.Writer, answer json.RawMessage) error {
	var text bytes.Buffer
	if err := json.Indent(&text, answer, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, text.String())
	return err
}
