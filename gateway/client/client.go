// Package client is rollcall's client in Go. It uploads spreadsheets and asks for
// jobs and reports over REST, and follows jobs over the gateway's WebSocket, where
// it connects again by itself and goes on after the last event that it saw.
//
// What the server refuses is a [*refusal.Error] with the server's code and sentence.
// When it came over HTTP, its cause is a [*StatusError].
package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where to connect, and as whom.
type Config struct {
	// URL is the server's, http:// or https://. Required.
	URL string
	// Token is a JWT. When it expires, requests are refused as unauthenticated,
	// and so is Watch.
	Token string
	// TokenSource, where not nil, is asked for a token before each request and each
	// connection, instead of Token. An expired one makes Watch connect again; an
	// error of the source that is a refusal ends it.
	TokenSource func(context.Context) (string, error)
	// HTTPClient makes requests and connections; nil means http.DefaultClient.
	HTTPClient *http.Client
	// Backoff is the wait before the nth attempt in a row, from 1. Nil means, for
	// connections, 250 ms doubling to 15 s with jitter, and for uploads in parts 1 s
	// doubling to 30 s. Other requests are made once.
	Backoff func(attempt int) time.Duration
	// Attempts is how many failures in a row end a Watch or an upload in parts; 0
	// means 10, below 0 means never.
	Attempts int
	// Stay makes Watch go on after a job has failed or was cancelled, if it can
	// be retried. It still ends when the job completes.
	Stay bool
}

// Client talks to one server as one user. It may be used by any number of goroutines.
type Client struct {
	cfg  Config
	base string // of REST, without a slash at its end
	ws   string
}

// New returns a client. It does not connect yet. The error says that the address is
// none, or is the refusal unauthenticated when there is no token.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("client: %q is no http:// or https:// address", cfg.URL)
	}
	if cfg.Token == "" && cfg.TokenSource == nil {
		return nil, fmt.Errorf("client: %w", unauthenticated("There is no token."))
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = http.DefaultClient
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 10
	}
	return &Client{cfg: cfg, base: strings.TrimSuffix(cfg.URL, "/") + apiBase, ws: u.JoinPath("/ws").String()}, nil
}

// token returns the token for the next request or connection.
func (c *Client) token(ctx context.Context) (string, error) {
	if c.cfg.TokenSource == nil {
		return c.cfg.Token, nil
	}
	token, err := c.cfg.TokenSource(ctx)
	if err != nil {
		return "", fmt.Errorf("get token: %w", err)
	}
	return token, nil
}

// wait waits before the nth attempt in a row, or until ctx ends.
func (c *Client) wait(ctx context.Context, attempt int, backoff func(int) time.Duration) {
	if c.cfg.Backoff != nil {
		backoff = c.cfg.Backoff
	}
	select {
	case <-ctx.Done():
	case <-time.After(backoff(attempt)):
	}
}

// gaveUp reports whether so many failures in a row are the end.
func (c *Client) gaveUp(failures int) bool { return c.cfg.Attempts > 0 && failures > c.cfg.Attempts }

// connectBackoff keeps clients that lost one gateway from coming back all at once.
func connectBackoff(attempt int) time.Duration {
	d := min(250*time.Millisecond<<min(attempt-1, 6), 15*time.Second)
	return d/2 + rand.N(d/2)
}
