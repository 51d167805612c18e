package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"code.dny.dev/ssrf"
	"github.com/nats-io/nats.go/jetstream"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"rollcall.example/events"
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

// cloudEvent is an event in the structured mode of CloudEvents.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// readEvent reads the event of a delivery from the stream.
func (s *Service) readEvent(ctx context.Context, d delivery) (*jetstream.RawStreamMsg, error) {
	msgs, _, err := events.ReadBatch(ctx, s.cfg.JetStream, events.StreamFacts,
		events.Subject(d.JobID, events.Kind(d.Kind)), uint64(d.Seq))
	if err != nil {
		return nil, err
	}
	if len(msgs) == 0 || msgs[0].Sequence != uint64(d.Seq) {
		return nil, errEventMissing
	}
	return msgs[0], nil
}

// marshalEvent returns the body to post.
func marshalEvent(m *jetstream.RawStreamMsg) ([]byte, error) {
	h := m.Header
	return json.Marshal(cloudEvent{
		SpecVersion: h.Get(events.HeaderSpecVersion), ID: h.Get(events.HeaderID), Source: h.Get(events.HeaderSource),
		Type:    h.Get(events.HeaderType),
		Subject: h.Get(events.HeaderSubject), Time: h.Get(events.HeaderTime),
		DataContentType: h.Get(events.HeaderContentType), Data: m.Data,
	})
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
func (s *Service) post(ctx context.Context, d delivery, event *jetstream.RawStreamMsg) (status int, err error) {
	id := event.Header.Get(events.HeaderID)
	body, err := marshalEvent(event)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errURL
	}
	hook, err := standardwebhooks.NewWebhook(d.Secret)
	if err != nil {
		return 0, errSecret
	}
	now := s.cfg.Now()
	signature, err := hook.Sign(id, now, body)
	if err != nil {
		return 0, fmt.Errorf("sign: %w", err)
	}
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "rollcall")
	req.Header.Set("webhook-id", id)
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

// redactURL returns an error without the URL, which may contain a secret of the
// receiver.
func redactURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err
}
