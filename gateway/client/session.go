package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/gateway/frames"
)

// follower follows one job, over one connection after the other.
type follower struct {
	c      *Client
	jobID  string
	after  uint64 // the last sequence yielded
	joined bool   // the present connection's subscription was acknowledged
	enough func(place) bool
	yield  func(Frame, error) bool
}

// place is where in the job's story a follower is.
type place struct {
	caughtUp  bool // all facts there were when it subscribed have been yielded
	ended     bool // the job ended with the last of them
	retryable bool // and may yet be retried
}

// session follows the job over one connection. Done says that nothing more is
// to be yielded.
func (f *follower) session(ctx context.Context) (done bool, err error) {
	f.joined = false
	ws, err := f.c.dial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = ws.Close(websocket.StatusNormalClosure, "") }() // the server may be gone
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go ping(ctx, ws)
	request, err := json.Marshal(map[string]any{"event": frames.EventSubscribe, "id": 1,
		"data": frames.Subscribe{JobID: f.jobID, After: f.after}})
	if err != nil {
		return false, err
	}
	if err := ws.Write(ctx, websocket.MessageText, request); err != nil {
		return false, err
	}
	var last uint64 // where the history ends
	for {
		frame, err := read(ctx, ws)
		if err != nil {
			return false, err
		}
		switch frame.Event {
		case frames.EventAck:
			var ack frames.Ack
			if err := json.Unmarshal(frame.Data, &ack); err != nil {
				return false, fmt.Errorf("read ack: %w", err)
			}
			f.joined, last = true, ack.LastSeq
			retryable := ack.Status == events.StatusFailed || ack.Status == events.StatusCancelled
			ended := retryable || ack.Status == events.StatusCompleted
			if f.enough(place{caughtUp: f.after >= last, ended: ended, retryable: retryable}) {
				return true, nil // the caller has seen it all
			}
			continue
		case frames.EventError:
			return false, frameRefusal(frame)
		}
		// A connection hears of all its user's jobs from the start. What comes
		// before the acknowledgement comes again with the history.
		if !f.joined || frame.Job() != f.jobID || (frame.Seq > 0 && frame.Seq <= f.after) {
			continue
		}
		f.after = max(f.after, frame.Seq)
		end := f.enough(place{
			caughtUp: frame.Seq > 0 && frame.Seq >= last, ended: frame.Terminal(), retryable: frame.retryable(),
		})
		if !f.yield(frame, nil) || end {
			return true, nil
		}
	}
}

func (c *Client) dial(ctx context.Context) (*websocket.Conn, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	ws, resp, err := websocket.Dial(ctx, c.ws, &websocket.DialOptions{
		HTTPClient: c.cfg.HTTPClient, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		if resp != nil && resp.StatusCode == http.StatusUnauthorized {
			return nil, unauthenticated("The token is missing, bad or has expired.")
		}
		return nil, err
	}
	ws.SetReadLimit(readLimit)
	return ws, nil
}
