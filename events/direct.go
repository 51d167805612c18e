package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errNoMessages means that the stream has no message that was asked for.
var errNoMessages = errors.New("no messages")

// directRequest asks for several messages of a stream, as the server's API has it.
type directRequest struct {
	Seq      uint64   `json:"seq,omitempty"`
	NextFor  string   `json:"next_by_subj,omitempty"`
	LastFor  []string `json:"multi_last,omitempty"`
	Batch    int      `json:"batch,omitempty"`
	MaxBytes int      `json:"max_bytes,omitempty"`

	onEnd func(nats.Header) // called with the headers that end the batch; may be nil
}

// getDirect yields the answers to a request, with how many more messages match. The
// server adds what it knows of a message to the headers that were stored with it, and
// these may say the same: whoever stored it could claim another subject or sequence,
// or one that is no number, and nobody could read the job any more. So of each header
// the last value counts, which is the server's own.
func getDirect(ctx context.Context, js jetstream.JetStream, stream string, req directRequest) (
	iter.Seq2[*directMsg, error], error,
) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	inbox, err := inboxOf(js.Conn())
	if err != nil {
		return nil, err
	}
	return func(yield func(*directMsg, error) bool) {
		for m, err := range inbox.request(ctx, "$JS.API.DIRECT.GET."+stream, body) {
			if err == nil && isEnd(m) {
				if req.onEnd != nil {
					req.onEnd(m.Header)
				}
				return
			}
			var direct *directMsg
			if err == nil {
				direct, err = parseDirect(m)
			}
			if !yield(direct, err) || err != nil {
				return
			}
		}
	}, nil
}

// isEnd reports whether an answer says that the batch is at its end.
func isEnd(m *nats.Msg) bool {
	return !isStored(m) && m.Header.Get("Status") == "204" && m.Header.Get("Description") == "EOB"
}

// directMsg is a stored message, and how many more there are.
type directMsg struct {
	jetstream.RawStreamMsg
	pending int
}

func parseDirect(m *nats.Msg) (*directMsg, error) {
	if !isStored(m) {
		switch status := m.Header.Get("Status"); status {
		case "":
		case "404":
			return nil, errNoMessages
		default:
			return nil, fmt.Errorf("status %s", status)
		}
	}
	d := &directMsg{RawStreamMsg: jetstream.RawStreamMsg{
		Subject: serverHeader(m.Header, "Nats-Subject"), Header: m.Header, Data: m.Data,
	}}
	var errs [3]error
	d.Sequence, errs[0] = strconv.ParseUint(serverHeader(m.Header, "Nats-Sequence"), 10, 64)
	d.Time, errs[1] = time.Parse(time.RFC3339Nano, serverHeader(m.Header, "Nats-Time-Stamp"))
	d.pending, errs[2] = strconv.Atoi(serverHeader(m.Header, "Nats-Num-Pending"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("parse message: %w", err)
	}
	return d, nil
}

// isStored reports whether an answer is a stored message, and not one about the request.
// A stored one may have any status among its headers.
func isStored(m *nats.Msg) bool { return serverHeader(m.Header, "Nats-Sequence") != "" }

// serverHeader returns the last value of a header.
func serverHeader(h nats.Header, name string) string {
	values := h.Values(name)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
