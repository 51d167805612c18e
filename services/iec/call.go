package iec

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// maxCallSpans is how many answered calls of one attempt at a job have a span. With
// a roll of a hundred thousand people, a span for each would make a trace that
// nobody can open. Calls that fail always have a span.
const maxCallSpans = 100

type withoutSpansKey struct{}

// withoutSpans returns a context whose answered calls have no spans.
func withoutSpans(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutSpansKey{}, true)
}

// callObserved makes a call and records its result and time. Nothing of the trace
// goes to the IEC, and nothing about the person goes into the span.
func (c *Client) callObserved(ctx context.Context, token, id string) (records.Verdict, error) {
	began := time.Now()
	verdict, err := c.call(ctx, token, id)
	result := classifyResult(err)
	if c.cfg.Observe != nil {
		c.cfg.Observe(result, time.Since(began))
	}
	if result != ResultAnswered || ctx.Value(withoutSpansKey{}) == nil {
		_, span := events.StartSpan(ctx, "iec call", trace.WithTimestamp(began),
			trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("rollcall.iec.result", result)))
		events.EndSpan(span, err)
	}
	return verdict, err
}

var errTokenRefused = errors.New("token refused")

// call asks about a person once.
func (c *Client) call(ctx context.Context, token, id string) (records.Verdict, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/Voters/IDNumber/"+url.PathEscape(id),
		&unrepeatableBody{})
	if err != nil {
		return records.Verdict{}, errors.New("iec: the request cannot be made")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	status, header, body, err := c.send(req)
	if err != nil {
		return records.Verdict{}, err
	}
	switch {
	case status == http.StatusUnauthorized:
		return records.Verdict{}, errTokenRefused
	case status == http.StatusTooManyRequests:
		return records.Verdict{}, &RateLimitedError{RetryAfter: c.parseRetryAfter(header)}
	case status == http.StatusOK, status == http.StatusNotFound:
		// The API may answer 404 for an unknown person, but only the API itself can
		// say so: the 404 of a proxy or of a wrong base URL has another body.
		verdict, err := decodeVerdict(body, id, c.cfg.Now())
		if err == nil && status == http.StatusNotFound && verdict.Status != records.NotRegistered {
			err = errors.New("status 404 with a voter's status")
		}
		switch {
		case err != nil && isAboutVoter(body):
			return records.Verdict{}, &MalformedError{err}
		case err != nil:
			return records.Verdict{}, &UnavailableError{Status: status, Err: err}
		}
		return verdict, nil
	case status >= 500:
		return records.Verdict{}, &UnavailableError{Status: status, RetryAfter: c.parseRetryAfter(header)}
	case status >= 400:
		return records.Verdict{}, &RowError{Status: status}
	}
	return records.Verdict{}, &UnavailableError{Status: status, Err: errors.New("unexpected status")}
}

// send sends a request and reads the whole answer, so that its connection can be
// used again.
func (c *Client) send(req *http.Request) (status int, header http.Header, body []byte, err error) {
	var connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	resp, err := c.http.Do(req)
	if err != nil {
		err = describeFailure(req.Context(), 0, err)
		if down, ok := errors.AsType[*UnavailableError](err); ok {
			down.Unsent = !connected.Load()
		}
		return 0, nil, nil, err
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	err = errors.Join(err, resp.Body.Close())
	if err != nil {
		return 0, nil, nil, describeFailure(req.Context(), resp.StatusCode, err)
	}
	if len(body) > maxBody {
		return 0, nil, nil, &UnavailableError{Status: resp.StatusCode, Err: errors.New("answer is too long")}
	}
	return resp.StatusCode, resp.Header, body, nil
}

// parseRetryAfter reads Retry-After as seconds or as a date; 0 where there is none.
func (c *Client) parseRetryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return max(time.Duration(n)*time.Second, 0)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(c.cfg.Now()), 0)
	}
	return 0
}

// unrepeatableBody is an empty request body. Because of it net/http cannot know
// that the request may be sent again, and does not: without it, a GET on a broken
// connection would be repeated unseen, and one acquired call would become two.
// Nothing of it is sent.
type unrepeatableBody struct{}

func (*unrepeatableBody) Read([]byte) (int, error) { return 0, io.EOF }
func (*unrepeatableBody) Close() error             { return nil }
