package gateway

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/gateway/engineio"
	"rollcall.example/gateway/frames"
)

// Dialects that clients speak. Rooms, queues, limits and tokens are the same in all.
const (
	plainJSON = iota
	socketIO
	dialects
)

// encodings is one message as each dialect writes it.
type encodings [dialects][]byte

// encodeForAll encodes an event in all dialects, its data only once. Its name needs no escape.
// Replayed says that the frame is of the history that a subscription asked for.
func encodeForAll(event string, data any, seq uint64, replayed bool) (t encodings, err error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return t, err
	}
	plain := make([]byte, 0, len(raw)+len(event)+64)
	plain = append(append(plain, `{"event":"`...), event...)
	plain = append(append(plain, `","data":`...), raw...)
	if seq > 0 {
		plain = strconv.AppendUint(append(plain, `,"seq":`...), seq, 10)
	}
	if replayed {
		plain = append(plain, `,"replayed":true`...)
	}
	t[plainJSON], t[socketIO] = append(plain, '}'), encodeSocketIOEvent(event, raw, seq)
	return t, nil
}

// dialect is how the gateway talks to one client.
type dialect interface {
	// kind is the dialect's index into encodings.
	kind() int
	// face is what the dialect is called in the security log.
	face() security.Face
	// receive parses what the client has sent. It is ok for a request; everything else
	// in the protocol receive answers itself.
	receive(c *conn, packet engineio.Packet) (in request, ok bool)
	// encodeReply encodes the reply to the request with that id. It returns nil where
	// the client waits for none.
	encodeReply(event string, data any, id json.RawMessage) ([]byte, error)
	// begin returns after which sequence a subscription begins, and the facts to choose
	// from. given is what the client has asked for, nil for nothing.
	begin(past *history, given *uint64) (after uint64, facts []frame)
	// stamp returns what is written of a frame that has its turn now.
	stamp(c *conn, o outgoing) []byte
	// ping returns once the client has answered, with an error if it has not.
	ping(ctx context.Context, c *conn) error
}

// plainDialect is JSON: {"event","data","id"?} in, {"event","data","seq"?,"id"?} out.
type plainDialect struct{}

func (plainDialect) kind() int { return plainJSON }

func (plainDialect) face() security.Face { return security.FaceWebSocket }

func (plainDialect) receive(c *conn, packet engineio.Packet) (in request, ok bool) {
	if packet.Binary {
		c.close(websocket.StatusUnsupportedData, "text frames only")
		return in, false
	}
	if err := json.Unmarshal(packet.Data, &in); err != nil || len(in.ID) > maxIDLength {
		refused := refusal.New(refusal.CodeBadRequest, `A frame is JSON: {"event", "data", "id"?}.`)
		c.reply(frames.EventError, refused.Frame(), nil)
		return in, false
	}
	return in, true
}

func (plainDialect) encodeReply(event string, data any, id json.RawMessage) ([]byte, error) {
	return json.Marshal(struct {
		Event string          `json:"event"`
		Data  any             `json:"data"`
		ID    json.RawMessage `json:"id,omitempty"`
	}{event, data, id})
}

func (plainDialect) begin(past *history, given *uint64) (after uint64, facts []frame) {
	if given != nil {
		after = *given
	}
	return after, past.facts
}

func (plainDialect) stamp(_ *conn, o outgoing) []byte { return o.text }

func (plainDialect) ping(ctx context.Context, c *conn) error { return c.ws.Load().Ping(ctx) }
