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
	dialTime = 5 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be
	// used again.
	maxAnswer = 16 << 10
	// maxLater bounds what a receiver may ask to be left alone for.
	maxLater = 24 * time.Hour
)

var (
	errGone    = errors.New("the receiver says that it is gone (410)")
	errNoEvent = errors.New("the event is not in the stream any more")
	errPrivate = errors.New("the address is not a public one")
)

// laterError: the receiver has said when to come back.
type laterError struct {
	status int
	after  time.Duration
}

func (e *laterError) Error() string { return fmt.Sprintf("the receiver answered %d", e.status) }

// newClient makes requests that go where they were sent and nowhere else: no
// proxy, no redirect, and each address that a name has is looked at when it is
// dialled, so that a name cannot change its mind in between.
func newClient(cfg Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTime, Resolver: cfg.resolver}
	if !cfg.Private {
		dialer.Control = ssrf.New(ssrf.WithAnyPort()).Safe
	}
	return &http.Client{
		Timeout: cfg.Timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime, ForceAttemptHTTP2: true,
			MaxIdleConns: cfg.Concurrency, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// cloudEvent is an event in CloudEvents' structured mode.
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

// event is what is told of, as the stream has it.
func (s *Service) event(ctx context.Context, d delivery) (*jetstream.RawStreamMsg, error) {
	msgs, _, err := events.ReadBatch(ctx, s.cfg.JetStream, events.StreamFacts, events.Subject(d.JobID, events.Kind(d.Kind)), uint64(d.Seq))
	if err != nil {
		return nil, err
	}
	if len(msgs) == 0 || msgs[0].Sequence != uint64(d.Seq) {
		return nil, errNoEvent
	}
	return msgs[0], nil
}

// bodyOf is what is posted of an event.
func bodyOf(m *jetstream.RawStreamMsg) ([]byte, error) {
	h := m.Header
	return json.Marshal(cloudEvent{
		SpecVersion: h.Get(events.HeaderSpecVersion), ID: h.Get(events.HeaderID), Source: h.Get(events.HeaderSource), Type: h.Get(events.HeaderType),
		Subject: h.Get(events.HeaderSubject), Time: h.Get(events.HeaderTime), DataContentType: h.Get(events.HeaderContentType), Data: m.Data,
	})
}

// post makes one attempt. The error says for the list of deliveries what went
// wrong; status is 0 when there was no answer.
func (s *Service) post(ctx context.Context, d delivery, event *jetstream.RawStreamMsg) (status int, err error) {
	id := event.Header.Get(events.HeaderID)
	body, err := bodyOf(event)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL cannot be used")
	}
	hook, err := standardwebhooks.NewWebhook(d.Secret)
	if err != nil {
		return 0, errors.New("the secret cannot be used")
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
		return 0, told(err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing of it is wanted
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	switch {
	case resp.StatusCode/100 == 2:
		return resp.StatusCode, nil
	case resp.StatusCode == http.StatusGone:
		return resp.StatusCode, errGone
	}
	later := &laterError{status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		later.after = min(time.Duration(seconds)*time.Second, maxLater)
	}
	return resp.StatusCode, later
}

// told is an error without the URL, which may hold a secret of the receiver's.
func told(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var timeout net.Error
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort):
		return errPrivate
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time")
	}
	return err
}
