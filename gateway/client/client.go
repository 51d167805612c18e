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

// Refused is the server's word that it will not do what was asked; trying again
// does not mend it.
type Refused struct {
	// Code is stable: bad_request, forbidden, too_many_subscriptions.
	Code string
	// Message is a sentence for the user.
	Message string
}

func (r *Refused) Error() string { return fmt.Sprintf("server refused: %s (%s)", r.Message, r.Code) }

// Errors that trying again does not mend, beside *Refused.
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
	// Token is a JWT. Watch ends with ErrUnauthenticated when it expires.
	Token string
	// TokenSource, where not nil, is asked for a token before each connection,
	// instead of Token. An expired one makes Watch connect again.
	TokenSource func(context.Context) (string, error)
	// HTTPClient makes the connection; nil means http.DefaultClient.
	HTTPClient *http.Client
	// Backoff is the wait before the nth attempt in a row to connect again,
	// from 1; nil means 250 ms doubling to 15 s, with jitter.
	Backoff func(attempt int) time.Duration
	// Attempts is how many failures in a row to connect end it; 0 means 10,
	// below 0 means never.
	Attempts int
	// Stay makes Watch go on after a job has failed or was cancelled, if it can
	// be retried. It still ends when the job completes.
	Stay bool
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
	if cfg.Token == "" && cfg.TokenSource == nil {
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
// as it is newest. Should the server's log have been made anew, they come from
// the beginning. An error is the last thing yielded; the end of ctx is none.
func (c *Client) Watch(ctx context.Context, jobID string, after uint64) iter.Seq2[Frame, error] {
	// A job that failed and was retried has an end in its history.
	return c.follow(ctx, jobID, after, func(p place) bool {
		return p.caughtUp && p.ended && !(c.cfg.Stay && p.retryable)
	})
}

// History yields the facts of a job so far, and ends.
func (c *Client) History(ctx context.Context, jobID string) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		for f, err := range c.follow(ctx, jobID, 0, func(p place) bool { return p.caughtUp }) {
			if f.Seq == 0 && err == nil {
				continue // progress is no history
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// follow yields frames until enough says that what was yielded is all.
func (c *Client) follow(ctx context.Context, jobID string, after uint64, enough func(place) bool) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		f := follower{c: c, jobID: jobID, after: after, enough: enough, yield: yield}
		for failures := 1; ; failures++ {
			done, err := f.session(ctx)
			if done || ctx.Err() != nil {
				return
			}
			if f.joined {
				failures = 1
			}
			switch {
			case c.final(err, f.joined):
				yield(Frame{}, err)
				return
			case c.cfg.Attempts > 0 && failures > c.cfg.Attempts:
				yield(Frame{}, fmt.Errorf("follow job: gave up after %d attempts: %w", failures, err))
				return
			}
			if websocket.CloseStatus(err) == closeAnew {
				f.after = 0
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(c.cfg.Backoff(failures)):
			}
		}
	}
}

// final reports whether trying again does not mend an error.
func (c *Client) final(err error, joined bool) bool {
	var refused *Refused
	if errors.Is(err, ErrUnauthenticated) {
		// A token that was good before has expired; the source has another.
		return c.cfg.TokenSource == nil || !joined
	}
	return errors.Is(err, ErrNotFound) || errors.As(err, &refused)
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
	case "overloaded":
		return errors.New("server is overloaded")
	}
	return &Refused{Code: e.Code, Message: e.Message}
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
