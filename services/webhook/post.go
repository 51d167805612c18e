package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	dialTimeout = 5 * time.Second
	// maxAnswerBytes is how much of an answer is read, so that the connection can be
	// reused.
	maxAnswerBytes = 16 << 10
	// maxRetryAfter limits the wait that a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
)

var (
	errReceiverGone = errors.New("the receiver says that it is gone (410)")
	errEventMissing = errors.New("the event is not in the stream any more")
	errURL          = errors.New("the URL cannot be used")
	errSecret       = errors.New("the secret cannot be used")
	// errUnreachable is all that the user learns where there was no answer. Whether a
	// name resolves, to what, and which ports answer is about the network that rollcall
	// runs in, and a user could ask it about any name.
	errUnreachable = errors.New("the receiver could not be reached")
	// errDelivery is all that the user learns of a fault on our side.
	errDelivery = errors.New("the delivery could not be made")
)

// networkError is why there was no answer, for the operator's log.
type networkError struct{ cause error }

func (e *networkError) Error() string { return errUnreachable.Error() + ": " + e.cause.Error() }

func (e *networkError) Unwrap() error { return e.cause }

// statusError is an answer that is no success.
type statusError struct {
	status int
	after  time.Duration // of Retry-After, 0 without
}

func (e *statusError) Error() string { return fmt.Sprintf("the receiver answered %d", e.status) }

// newClient returns a client that uses no proxy and follows no redirect. It checks
// each address as it dials it, so that a name cannot resolve to another address after
// the check.
func newClient(cfg Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: cfg.resolver}
	if !cfg.Private {
		dialer.Control = ssrf.New(ssrf.WithAnyPort()).Safe
	}
	return &http.Client{
		Timeout: cfg.Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
			MaxIdleConns: cfg.Concurrency, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: maxAnswerBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tellUser returns what the list of deliveries shows of an error.
func tellUser(err error) string {
	for _, known := range []error{errReceiverGone, errEventMissing, errURL, errSecret} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if answer, ok := errors.AsType[*statusError](err); ok {
		return answer.Error()
	}
	if _, ok := errors.AsType[*networkError](err); ok {
		return errUnreachable.Error()
	}
	return errDelivery.Error()
}

// post makes one attempt. status is 0 if there was no answer. The error is for the log:
// see tellUser.
func (s *Service) post(ctx context.Context, d delivery, m message) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(m.body))
	if err != nil {
		return 0, errURL
	}
	now := s.cfg.Now()
	signature, err := sign(d, m, now)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "rollcall")
	req.Header.Set("webhook-id", m.id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, &networkError{redactURL(err)}
	}
	defer func() { _ = resp.Body.Close() }() // the body does not matter
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswerBytes)
	switch {
	case resp.StatusCode/100 == 2:
		return resp.StatusCode, nil
	case resp.StatusCode == http.StatusGone:
		return resp.StatusCode, errReceiverGone
	}
	failed := &statusError{status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		failed.after = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return resp.StatusCode, failed
}

// sign returns a signature by each valid secret, the newest first, with spaces between,
// as Standard Webhooks has it.
func sign(d delivery, m message, now time.Time) (string, error) {
	secrets := []string{d.Secret}
	if d.OldSecret != nil {
		secrets = append(secrets, *d.OldSecret)
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", errSecret
		}
		if signatures[i], err = hook.Sign(m.id, now, m.body); err != nil {
			return "", fmt.Errorf("sign: %w", err)
		}
	}
	return strings.Join(signatures, " "), nil
}

// redactURL returns an error without the URL, which may contain a secret of the
// receiver.
func redactURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err
}
