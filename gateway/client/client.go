// Package client follows rollcall's jobs over the gateway's WebSocket. It
// connects again by itself and goes on after the last event that it saw.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

// Errors that trying again does not mend.
var (
	// ErrNotFound: there is no such job, or it is not this user's to see.
	ErrNotFound = errors.New("no such job")
	// ErrUnauthenticated: the token is missing, bad or has expired.
	ErrUnauthenticated = errors.New("not signed in")
)

const (
	closeUnauthenticated = 4001
	closeAnew            = 4003
	readLimit            = 1 << 20
	pingEvery            = 30 * time.Second
)

// Config says where to connect, and as whom.
type Config struct {
	// URL is the server's, http:// or https://.
	URL string
	// Token is a JWT.
	Token string
	// HTTPClient makes the connection; nil means http.DefaultClient.
	HTTPClient *http.Client
	// Backoff is the wait before the nth attempt in a row to connect again,
	// from 1; nil means 250 ms doubling to 15 s, with jitter.
	Backoff func(attempt int) time.Duration
	// Attempts is how many failures in a row to connect end it; 0 means 10,
	// below 0 means never.
	Attempts int
}

// Client makes a connection of its own for each job it follows.
type Client struct {
	cfg Config
	url string
}

// New returns a client. It does not connect yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("client: %q is no http:// or https:// address", cfg.URL)
	}
	if cfg.Token == "" {
		return nil, fmt.Errorf("client: no token: %w", ErrUnauthenticated)
	}
	if cfg.Backoff == nil {
		cfg.Backoff = func(attempt int) time.Duration {
			d := min(250*time.Millisecond<<min(attempt-1, 6), 15*time.Second)
			return d/2 + rand.N(d/2)
		}
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 10
	}
	return &Client{cfg: cfg, url: u.JoinPath("/ws").String()}, nil
}

// Watch yields the frames of a job after a sequence, first those of its history
// and then each as it comes, and ends after the one that the job ends with. Facts
// come once and in order, however often the connection breaks; progress comes
// as it is newest. An error is the last thing yielded; the end of ctx is none.
func (c *Client) Watch(ctx context.Context, jobID string, after uint64) iter.Seq2[Frame, error] {
	return c.follow(ctx, jobID, after, func(f Frame, caughtUp uint64) bool {
		// A job that failed and was retried has an end in its history.
		return f.Terminal() && f.Seq >= caughtUp
	})
}

// History yields the facts of a job so far, and ends.
func (c *Client) History(ctx context.Context, jobID string) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for f, err := range c.follow(ctx, jobID, 0, func(f Frame, caughtUp uint64) bool { return f.Seq >= caughtUp }) {
			if f.Seq == 0 && err == nil {
				continue // progress is no history
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// follow yields frames until last says that one was the last.
func (c *Client) follow(ctx context.Context, jobID string, after uint64, last func(f Frame, caughtUp uint64) bool) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		failures := 0
		for {
			seen, done, err := c.session(ctx, jobID, after, last, yield)
			after = max(after, seen)
			var close websocket.CloseError
			switch {
			case done || ctx.Err() != nil:
				return
			case errors.Is(err, ErrNotFound), errors.Is(err, ErrUnauthenticated):
				yield(Frame{}, err)
				return
			case errors.As(err, &close) && close.Code == closeAnew:
				after = 0
			}
			if failures++; seen > 0 {
				failures = 1
			}
			if c.cfg.Attempts > 0 && failures > c.cfg.Attempts {
				yield(Frame{}, fmt.Errorf("follow job: gave up after %d attempts: %w", failures, err))
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(c.cfg.Backoff(failures)):
			}
		}
	}
}

// session follows a job over one connection. Seen is the last sequence yielded.
func (c *Client) session(ctx context.Context, jobID string, after uint64, last func(Frame, uint64) bool, yield func(Frame, error) bool) (seen uint64, done bool, err error) {
	ws, resp, err := websocket.Dial(ctx, c.url, &websocket.DialOptions{
		HTTPClient: c.cfg.HTTPClient, HTTPHeader: http.Header{"Authorization": {"Bearer " + c.cfg.Token}},
	})
	if err != nil {
		if resp != nil && resp.StatusCode == http.StatusUnauthorized {
			return 0, false, ErrUnauthenticated
		}
		return 0, false, err
	}
	defer func() { _ = ws.Close(websocket.StatusNormalClosure, "") }() // the server may be gone
	ws.SetReadLimit(readLimit)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go ping(ctx, ws)
	request, err := json.Marshal(map[string]any{"event": "subscribe_bulk_upload_job", "id": 1,
		"data": map[string]any{"job_id": jobID, "after": after}})
	if err != nil {
		return 0, false, err
	}
	if err := ws.Write(ctx, websocket.MessageText, request); err != nil {
		return 0, false, err
	}
	caughtUp := ^uint64(0) // until the server has said where the history ends
	joined := false
	for {
		f, err := read(ctx, ws)
		if err != nil {
			return seen, false, err
		}
		switch f.Event {
		case "ack":
			var ack struct {
				Last   uint64 `json:"last_seq"`
				Status string `json:"status"`
			}
			if err := json.Unmarshal(f.Data, &ack); err != nil {
				return seen, false, fmt.Errorf("read ack: %w", err)
			}
			caughtUp, joined = ack.Last, true
			if after >= ack.Last && ended(ack.Status) {
				return seen, true, nil // the caller has seen its end
			}
		case "error":
			if err := refusal(f); err != nil {
				return seen, false, err
			}
		default:
			// A connection hears of all its user's jobs from the start. What
			// comes before the acknowledgement comes again with the history.
			if !joined || f.Job() != jobID {
				continue
			}
			seen = max(seen, f.Seq)
			end := last(f, caughtUp)
			if !yield(f, nil) || end {
				return seen, true, nil
			}
		}
	}
}

func read(ctx context.Context, ws *websocket.Conn) (Frame, error) {
	_, text, err := ws.Read(ctx)
	if err != nil {
		if websocket.CloseStatus(err) == closeUnauthenticated {
			return Frame{}, ErrUnauthenticated
		}
		return Frame{}, err
	}
	var f Frame
	if err := json.Unmarshal(text, &f); err != nil {
		return Frame{}, fmt.Errorf("read frame: %w", err)
	}
	return f, nil
}

func refusal(f Frame) error {
	var e struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(f.Data, &e); err != nil {
		return fmt.Errorf("read error frame: %w", err)
	}
	switch e.Code {
	case "not_found":
		return ErrNotFound
	case "unauthenticated":
		return ErrUnauthenticated
	}
	return fmt.Errorf("server refused: %s (%s)", e.Message, e.Code)
}

// ping ends a connection whose other end is gone without a word.
func ping(ctx context.Context, ws *websocket.Conn) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		answer, cancel := context.WithTimeout(ctx, pingEvery/2)
		err := ws.Ping(answer)
		cancel()
		if err != nil {
			_ = ws.CloseNow() // makes the reader fail, which connects again
			return
		}
	}
}

func ended(status string) bool {
	return status == "completed" || status == "failed" || status == "cancelled"
}
