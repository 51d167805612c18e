package iec

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

const (
	maxBody    = 1 << 20
	maxRetries = 3
)

// What a zero setting means.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultConcurrency = 15
)

// ClientConfig says how to reach the IEC's API.
type ClientConfig struct {
	// BaseURL is the API's URL, http or https. Required.
	BaseURL            string
	Username, Password string
	// Timeout bounds one call; 0 means DefaultTimeout.
	Timeout time.Duration
	// Concurrency is how many connections there may be; 0 means DefaultConcurrency.
	Concurrency int
	// Backoff returns how long to wait before retry n, from 1; nil means 200 ms,
	// doubling, with jitter.
	Backoff func(retry int) time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of retries; nil discards.
	Logger *slog.Logger
	// Observe is called after each call about a person, with one of Results; nil
	// observes nothing.
	Observe func(result string, took time.Duration)
}

// Client asks the IEC's API about one person at a time. It is safe for concurrent
// use; all goroutines share its token and its connections. No error that it returns
// holds an ID number, a token or a password.
type Client struct {
	cfg   ClientConfig
	base  string
	http  *http.Client
	token tokenSource
}

// NewClient returns a client. It fetches its first token when it needs one.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("iec client: BaseURL must begin with http:// or https://")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("iec client: BaseURL must have no credentials, query or fragment")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.Concurrency = cmp.Or(cfg.Concurrency, DefaultConcurrency)
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("iec client: Timeout must be positive, not %s", cfg.Timeout)
	}
	if cfg.Concurrency < 1 {
		return nil, fmt.Errorf("iec client: Concurrency must be at least 1, not %d", cfg.Concurrency)
	}
	if cfg.Backoff == nil {
		cfg.Backoff = func(retry int) time.Duration {
			d := 200 * time.Millisecond << (retry - 1)
			return d/2 + rand.N(d)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = cfg.Concurrency
	transport.MaxIdleConnsPerHost = cfg.Concurrency
	// With HTTP/2 all calls would share one connection, and Concurrency would mean
	// nothing.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	// The clone offers HTTP/2 to the server all the same, which would then expect
	// it.
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	transport.TLSNextProto = nil
	c := &Client{cfg: cfg, base: strings.TrimSuffix(cfg.BaseURL, "/"), http: &http.Client{
		Transport: transport,
		Timeout:   cfg.Timeout,
		// A redirect would send an ID number to an unknown place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.token.fetch = c.fetchToken
	c.token.now = cfg.Now
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// SignIn fetches a token and keeps it. It uses no call of the quota. Errors:
// ErrCredentials or *UnavailableError.
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.token.get(ctx)
	return err
}

// Lookup asks about a person by the 13 digits of the ID number. It retries
// timeouts, resets, server errors and answers that are not the API's up to three
// times. It calls acquire before each attempt; an error of acquire ends the lookup.
//
// Errors: that of acquire, *RateLimitedError, *UnavailableError, *RowError,
// *MalformedError, or ErrCredentials. When ctx ends it is the error of ctx, which
// is no outage.
func (c *Client) Lookup(ctx context.Context, id string, acquire func(context.Context) error) (records.Verdict, error) {
	verdict, err := c.ask(ctx, id, 1+maxRetries, acquire, func(context.Context, error) error { return nil })
	if token, ok := errors.AsType[*tokenError](err); ok {
		err = token.err
	}
	return verdict, err
}

// ask is Lookup with at most so many tries. It calls settle with the result of each
// call; an error of settle ends it too. The error is a *tokenError where no token was
// to be had.
func (c *Client) ask(
	ctx context.Context, id string, tries int,
	acquire func(context.Context) error, settle func(context.Context, error) error,
) (records.Verdict, error) {
	renewed := false
	for retry := 0; ; {
		token, err := c.token.get(ctx)
		if err != nil {
			return records.Verdict{}, &tokenError{err}
		}
		if err := acquire(ctx); err != nil {
			return records.Verdict{}, err
		}
		verdict, err := c.callObserved(ctx, token, id)
		if err := settle(ctx, err); err != nil {
			return records.Verdict{}, err
		}
		if errors.Is(err, errTokenRefused) && !renewed {
			renewed = true
			c.token.drop(token)
			continue
		}
		var down *UnavailableError
		var malformed *MalformedError
		retryable := errors.As(err, &down) && down.RetryAfter == 0 || errors.As(err, &malformed)
		if !retryable || retry == tries-1 || ctx.Err() != nil {
			if errors.Is(err, errTokenRefused) {
				err = fmt.Errorf("iec: new token refused: %w", ErrCredentials)
			}
			return verdict, err
		}
		retry++
		c.cfg.Logger.WarnContext(ctx, "IEC call failed, retrying", "retry", retry, "err", err)
		select {
		case <-ctx.Done():
			return records.Verdict{}, fmt.Errorf("iec: %w", context.Cause(ctx))
		case <-time.After(c.cfg.Backoff(retry)):
		}
	}
}
