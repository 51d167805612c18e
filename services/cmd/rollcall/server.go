package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

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

// uploadFile sends a file in one request and returns the id of the job that begins.
func uploadFile(ctx context.Context, c *client.Client, path string, o client.UploadOptions) (jobID string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read from
	return c.Upload(ctx, filepath.Base(path), file, o)
}
