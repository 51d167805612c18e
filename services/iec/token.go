package iec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/singleflight"

	"rollcall.example/events"
)

// renewEarly is how long before its end a token is no longer used, so that none
// expires on the way.
const renewEarly = 30 * time.Second

// tokenSource keeps one token for all goroutines.
type tokenSource struct {
	fetch func(context.Context) (token string, life time.Duration, err error)
	now   func() time.Time

	flight     singleflight.Group
	mu         sync.Mutex
	token      string
	validUntil time.Time
}

// get returns a token. Of several callers that need a new one, one fetches it for
// all; each waits only as long as its own ctx allows.
func (s *tokenSource) get(ctx context.Context) (string, error) {
	if token := s.validToken(); token != "" {
		return token, nil
	}
	fetched := s.flight.DoChan("token", func() (any, error) {
		if token := s.validToken(); token != "" {
			return token, nil
		}
		token, life, err := s.fetch(context.WithoutCancel(ctx))
		if err != nil {
			return "", err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.token, s.validUntil = token, s.now().Add(life-min(renewEarly, life/2))
		return token, nil
	})
	select {
	case r := <-fetched:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	case <-ctx.Done():
		return "", fmt.Errorf("iec token: %w", context.Cause(ctx))
	}
}

// validToken returns the token if it can be used, or "".
func (s *tokenSource) validToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && s.now().Before(s.validUntil) {
		return s.token
	}
	return ""
}

// drop forgets a token that was refused, unless it was renewed already.
func (s *tokenSource) drop(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

func (c *Client) fetchToken(ctx context.Context) (_ string, _ time.Duration, err error) {
	ctx, span := events.StartSpan(ctx, "iec token", trace.WithSpanKind(trace.SpanKindClient))
	defer func() { events.EndSpan(span, err) }()
	form := url.Values{"grant_type": {"password"}, "username": {c.cfg.Username}, "password": {c.cfg.Password}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, fmt.Errorf("iec token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, header, body, err := c.send(req)
	switch {
	case err != nil:
		return "", 0, err
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "", 0, fmt.Errorf("iec token: status %d: %w", status, ErrCredentials)
	case status != http.StatusOK:
		return "", 0, &UnavailableError{Status: status, RetryAfter: c.parseRetryAfter(header),
			Err: errors.New("no token")}
	}
	var answer struct {
		Token   string      `json:"access_token"`
		Expires json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return "", 0, &UnavailableError{Status: status, Err: errors.New("token answer is not JSON of the contract")}
	}
	seconds, err := answer.Expires.Int64()
	if err != nil || seconds <= 0 {
		return "", 0, &UnavailableError{Status: status, Err: errors.New("token answer has no expires_in")}
	}
	return answer.Token, time.Duration(seconds) * time.Second, nil
}
