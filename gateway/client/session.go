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
	joined bool   // the subscription of the present connection was acknowledged
	enough func(position) bool
	yield  func(Frame, error) bool
}

// position is how far a follower has come.
type position struct {
	caughtUp  bool // it has yielded all facts that there were when it subscribed
	ended     bool // the job ended with the last fact yielded
	retryable bool // the job can be retried
}

// session follows the job over one connection. Done means that there is nothing more to
// yield.
func (f *follower) session(ctx context.Context) (done bool, err error) {
	f.joined = false
	ws, err := f.c.dial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = ws.Close(websocket.StatusNormalClosure, "") }() // the server may be gone
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go keepAlive(ctx, ws)
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
		frame, err := readFrame(ctx, ws)
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
			if f.enough(position{caughtUp: f.after >= last, ended: ended, retryable: retryable}) {
				return true, nil // the caller has seen everything
			}
			continue
		case frames.EventError:
			return false, decodeRefusal(frame)
		}
		// A connection gets the events of all jobs of its user from the start. What
		// comes before the acknowledgement comes again with the history.
		if !f.joined || frame.Job() != f.jobID || (frame.Seq > 0 && frame.Seq <= f.after) {
			continue
		}
		f.after = max(f.after, frame.Seq)
		end := f.enough(position{
			caughtUp: frame.Seq > 0 && frame.Seq >= last, ended: frame.Terminal(), retryable: frame.isRetryable(),
		})
		if !f.yield(frame, nil) || end {
			return true, nil
		}
	}
}

// dial connects with a token.
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
			return nil, refuseToken("The token is missing or invalid, or it has expired.")
		}
		return nil, err
	}
	ws.SetReadLimit(readLimit)
	return ws, nil
}
