package iec

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

const (
	maxAnswer  = 1 << 20
	maxRetries = 3
)

// ClientConfig says how to reach the IEC's API.
type ClientConfig struct {
	// BaseURL of the API, without a trailing slash. Required.
	BaseURL            string
	Username, Password string
	// Timeout of one call; 0 means 10 s.
	Timeout time.Duration
	// Concurrency is how many connections are kept open; 0 means 15.
	Concurrency int
	// Backoff is the wait before the nth retry, from 1; nil means 200 ms
	// doubling, with jitter.
	Backoff func(retry int) time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of retries; nil discards.
	Logger *slog.Logger
	// Observe hears of each call about a person; nil means that nobody counts.
	Observe func(result string, took time.Duration)
}

// Client asks the IEC's API about one person at a time. It is safe for any
// number of goroutines, which share its token and its connections. No error
// that it returns holds an ID number, a token or a password.
type Client struct {
	cfg   ClientConfig
	base  string
	http  *http.Client
	token tokenSource
}

// NewClient returns a client. It asks for its first token when it needs one.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("iec client: base URL is not http:// or https://")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("iec client: base URL must have no credentials, query or fragment")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = 15
	}
	if cfg.Timeout < 0 || cfg.Concurrency < 0 {
		return nil, fmt.Errorf("iec client: timeout %s and concurrency %d must not be negative", cfg.Timeout, cfg.Concurrency)
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
	// Over HTTP/2 all calls would share one connection, and Concurrency would mean nothing.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	// What was cloned offers HTTP/2 to the server all the same, which then waits for it.
	transport.TLSClientConfig, transport.TLSNextProto = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
	c := &Client{cfg: cfg, base: strings.TrimSuffix(cfg.BaseURL, "/"), http: &http.Client{
		Transport: transport,
		Timeout:   cfg.Timeout,
		// A redirect would carry an ID number to who knows where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.token.fetch = c.fetchToken
	c.token.now = cfg.Now
	return c, nil
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// SignIn asks for a token and keeps it. It spends no call of the quota. Errors:
// ErrCredentials or *UnavailableError.
func (c *Client) SignIn(ctx context.Context) error {
	_, err := c.token.get(ctx)
	return err
}

// Lookup asks about a person by the 13 digits of the ID number. Timeouts, resets,
// server errors and answers that are not the API's are tried again, three
// times. acquire is asked before each attempt, and its error ends the lookup.
//
// Errors: that of acquire, *RateLimitedError, *UnavailableError, *RowError,
// *MalformedError, or ErrCredentials. When ctx ends it is that of ctx, which is no outage.
func (c *Client) Lookup(ctx context.Context, id string, acquire func(context.Context) error) (records.Verdict, error) {
	renewed := false
	for retry := 0; ; {
		token, err := c.token.get(ctx)
		if err != nil {
			return records.Verdict{}, err
		}
		if err := acquire(ctx); err != nil {
			return records.Verdict{}, err
		}
		verdict, err := c.watched(ctx, token, id)
		if errors.Is(err, errTokenRefused) && !renewed {
			renewed = true
			c.token.drop(token)
			continue
		}
		var down *UnavailableError
		var malformed *MalformedError
		again := errors.As(err, &down) && down.RetryAfter == 0 || errors.As(err, &malformed)
		if !again || retry == maxRetries || ctx.Err() != nil {
			if errors.Is(err, errTokenRefused) {
				err = fmt.Errorf("iec: fresh token refused: %w", ErrCredentials)
			}
			return verdict, err
		}
		retry++
		c.cfg.Logger.WarnContext(ctx, "iec call failed, trying again", "retry", retry, "err", err)
		select {
		case <-ctx.Done():
			return records.Verdict{}, fmt.Errorf("iec: %w", context.Cause(ctx))
		case <-time.After(c.cfg.Backoff(retry)):
		}
	}
}

var errTokenRefused = errors.New("token refused")

func (c *Client) ask(ctx context.Context, token, id string) (records.Verdict, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/Voters/IDNumber/"+url.PathEscape(id), &once{})
	if err != nil {
		return records.Verdict{}, errors.New("iec: request cannot be made")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	status, header, body, err := c.do(req)
	if err != nil {
		return records.Verdict{}, err
	}
	switch {
	case status == http.StatusUnauthorized:
		return records.Verdict{}, errTokenRefused
	case status == http.StatusTooManyRequests:
		return records.Verdict{}, &RateLimitedError{RetryAfter: c.retryAfter(header)}
	case status == http.StatusOK, status == http.StatusNotFound:
		// An unknown person may come as a 404, but only the API itself can say
		// so: a 404 of a proxy or of a wrong base URL has another body.
		verdict, err := decodeVerdict(body, id, c.cfg.Now())
		if err == nil && status == http.StatusNotFound && verdict.Status != records.NotRegistered {
			err = errors.New("not found, but has a status")
		}
		switch {
		case err != nil && aboutVoter(body):
			return records.Verdict{}, &MalformedError{err}
		case err != nil:
			return records.Verdict{}, &UnavailableError{Status: status, Err: err}
		}
		return verdict, nil
	case status >= 500:
		return records.Verdict{}, &UnavailableError{Status: status, RetryAfter: c.retryAfter(header)}
	case status >= 400:
		return records.Verdict{}, &RowError{Status: status}
	}
	return records.Verdict{}, &UnavailableError{Status: status, Err: errors.New("unexpected status")}
}

// do sends a request and reads the whole answer, so that its connection can be
// used again.
func (c *Client) do(req *http.Request) (status int, header http.Header, body []byte, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, nil, broken(req.Context(), 0, err)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	err = errors.Join(err, resp.Body.Close())
	if err != nil {
		return 0, nil, nil, broken(req.Context(), resp.StatusCode, err)
	}
	if len(body) > maxAnswer {
		return 0, nil, nil, &UnavailableError{Status: resp.StatusCode, Err: errors.New("answer is too long")}
	}
	return resp.StatusCode, resp.Header, body, nil
}

// retryAfter reads the header in seconds or as a date; 0 if there is none.
func (c *Client) retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return max(time.Duration(n)*time.Second, 0)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(c.cfg.Now()), 0)
	}
	return 0
}
