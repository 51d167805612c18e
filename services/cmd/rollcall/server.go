package main

import (
	"errors"

	"rollcall.example/gateway/client"
)

// serverSettings say which server a client command talks to, and as whom.
type serverSettings struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server."`
	Token  string `placeholder:"JWT" help:"Your token."`
}

func (s serverSettings) client() (*client.Client, error) {
	if s.Token == "" {
		return nil, errors.New("no token: give --token or ROLLCALL_TOKEN; rollcall token prints one")
	}
	return client.New(client.Config{URL: s.Server, Token: s.Token})
}
