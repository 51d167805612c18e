// Package client is rollcall's client in Go. It uploads spreadsheets and asks for
// jobs and reports over REST, and follows jobs over the gateway's WebSocket, where
// it reconnects by itself and goes on after the last event that it saw.
//
// A refusal of the server is a [*refusal.Error] with the server's code and message. If it
// came over HTTP, its cause is a [*StatusError].
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
	// URL is the server's address, http:// or https://. Required.
	URL string
	// Token is a JWT. Once it has expired, the server refuses requests and Watch as
	// unauthenticated.
	Token string
	// TokenSource, if not nil, is called for a token before each request and each
	// connection; Token is not used then. When a token expires, Watch reconnects with
	// a new one. Watch ends when the source returns a refusal.
	TokenSource func(context.Context) (string, error)
	// HTTPClient makes requests and connections; nil means http.DefaultClient.
	HTTPClient *http.Client
	// Backoff is the wait before the nth attempt in a row, from 1. Nil means, for
	// connections, DefaultBackoff, and for uploads in parts 1 s
	// doubling to 30 s. Other requests are made once. A gateway that is replaced tells
	// each connection how long to wait, which comes before the first attempt instead.
	Backoff func(attempt int) time.Duration
	// Attempts is how many failures in a row end Watch or an upload in parts; 0 means
	// 10, a negative number means that none do.
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

// New returns a client. It does not connect yet. It refuses a URL that is not http:// or
// https://; without a token the error is the refusal unauthenticated.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("client: %q is not an http:// or https:// address", cfg.URL)
	}
	if cfg.Token == "" && cfg.TokenSource == nil {
		return nil, fmt.Errorf("client: %w", refuseToken("There is no token."))
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
func (c Config) wait(ctx context.Context, attempt int, backoff func(int) time.Duration) {
	if c.Backoff != nil {
		backoff = c.Backoff
	}
	sleep(ctx, backoff(attempt))
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// outOfAttempts reports whether so many failures in a row are too many.
func (c Config) outOfAttempts(failures int) bool {
	return c.Attempts > 0 && failures > c.Attempts
}

// DefaultBackoff is the wait before the nth attempt in a row to connect. It spreads the
// clients that come back after a gateway was lost without a word.
func DefaultBackoff(attempt int) time.Duration {
	d := min(250*time.Millisecond<<min(attempt-1, 6), 15*time.Second)
	return d/2 + rand.N(d/2)
}
