package gateway

import (
	"context"
	"encoding/json"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/frames"
)

// Dialects of the wire. Rooms, queues, limits and tokens are the same for all.
const (
	plainJSON = iota
	socketIO
	dialects
)

// texts is a message as each dialect writes it.
type texts [dialects][]byte

// encode writes an event for all dialects, its data once.
func encode(event string, data any, seq uint64) (t texts, err error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return t, err
	}
	if t[plainJSON], err = json.Marshal(outgoing{Event: event, Data: json.RawMessage(raw), Seq: seq}); err != nil {
		return t, err
	}
	t[socketIO], err = socketIOEvent(event, raw, seq)
	return t, err
}

// dialect is how one client is talked to.
type dialect interface {
	// kind is the index into texts.
	kind() int
	// hear reads what the client sent; ok says that it is a request. What else
	// the dialect has to say is answered by it.
	hear(c *conn, text []byte) (in incoming, ok bool)
	// answer writes an answer to the request of that id; nil when the client
	// waits for none.
	answer(event string, data any, id json.RawMessage) ([]byte, error)
	// ping returns when the client has answered, with an error when it has not.
	ping(ctx context.Context, ws *websocket.Conn) error
}

// plain is {"event","data","id"?} in and {"event","data","seq"?,"id"?} out.
type plain struct{}

func (plain) kind() int { return plainJSON }

func (plain) hear(c *conn, text []byte) (in incoming, ok bool) {
	if err := json.Unmarshal(text, &in); err != nil || len(in.ID) > 100 {
		c.send(frames.EventError, refusal.New(refusal.CodeBadRequest, "A frame is JSON: {\"event\", \"data\", \"id\"?}.").Frame(), nil)
		return in, false
	}
	return in, true
}

func (plain) answer(event string, data any, id json.RawMessage) ([]byte, error) {
	return json.Marshal(outgoing{Event: event, Data: data, ID: id})
}

func (plain) ping(ctx context.Context, ws *websocket.Conn) error { return ws.Ping(ctx) }
