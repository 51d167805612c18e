package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/coder/websocket"

	"rollcall.example/events/security"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/frames"
)

// Types of packets of Engine.IO 4. A message holds a packet of Socket.IO 5.
const (
	enginePing    = "2"
	enginePong    = '3'
	engineClose   = '1'
	engineMessage = '4'

	ioConnect    = '0'
	ioDisconnect = '1'
	ioEvent      = '2'
)

// errPacket is a packet that no client of Socket.IO sends to a server without binary
// data and polling. The client sees the text.
var errPacket = errors.New("not a packet that is expected here")

// socketIODialect is Socket.IO 5 over Engine.IO 4, in the namespace "/" only.
type socketIODialect struct {
	connected bool // used by the reading goroutine only
	pong      chan struct{}
}

// ServeSocketIO opens a WebSocket for clients of Socket.IO. It refuses polling and any
// Engine.IO but version 4.
func (g *Gateway) ServeSocketIO(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("EIO") != "4":
		g.refuseHandshake(w, 5, "Unsupported protocol version: "+
			"Engine.IO 4 is spoken here, that is socket.io-client 3 and later")
		return
	case q.Get("transport") != "websocket":
		g.refuseHandshake(w, 0, `Transport unknown: connect with {transports: ["websocket"]}`)
		return
	case q.Get("sid") != "":
		g.refuseHandshake(w, 1, "Session ID unknown: there is no other transport to upgrade from")
		return
	}
	ws, ok := g.accept(w, r, security.FaceSocketIO)
	if !ok {
		return
	}
	c := newConn(g, ws, &socketIODialect{pong: make(chan struct{}, 1)}, g.addressOf(r))
	c.enqueueReply(fmt.Appendf(nil, `0{"sid":%q,"upgrades":[],"pingInterval":%d,"pingTimeout":%d,"maxPayload":%d}`,
		rand.Text(), g.cfg.PingInterval.Milliseconds(), g.cfg.WriteTimeout.Milliseconds(), readLimit))
	go c.serve()
}

// refuseHandshake answers a handshake as Engine.IO's own server does.
func (g *Gateway) refuseHandshake(w http.ResponseWriter, code int, message string) {
	g.countRefusal(reasonHandshake)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": message}) // the client may be gone
}

func (*socketIODialect) kind() int { return socketIO }

func (*socketIODialect) face() security.Face { return security.FaceSocketIO }

func (s *socketIODialect) receive(c *conn, text []byte) (in request, ok bool) {
	var err error
	switch {
	case len(text) == 0:
		err = errPacket
	case text[0] == enginePong:
		signal(s.pong)
	case text[0] == engineClose:
		c.close(websocket.StatusNormalClosure, "")
	case text[0] != engineMessage || len(text) == 1:
		err = errPacket
	case text[1] == ioConnect:
		err = s.connect(c, text[2:])
	case !s.connected:
		err = errPacket
	case text[1] == ioDisconnect:
		c.close(websocket.StatusNormalClosure, "")
	case text[1] == ioEvent:
		if in, err = parseEvent(text[2:]); err == nil {
			return in, true
		}
	default:
		err = errPacket
	}
	if err != nil {
		c.close(websocket.StatusProtocolError, err.Error())
	}
	return in, false
}

// connect lets the client into the namespace, or tells it why not.
func (s *socketIODialect) connect(c *conn, text []byte) error {
	namespace := ""
	if len(text) > 0 && text[0] == '/' {
		name, rest, _ := bytes.Cut(text, []byte(","))
		namespace, text = string(name)+",", rest
	}
	if namespace != "" && namespace != "/," {
		if len(namespace) > 100 {
			return errPacket
		}
		c.enqueueReply([]byte("44" + namespace + `{"message":"Invalid namespace"}`))
		return nil
	}
	if s.connected {
		return errPacket
	}
	var data frames.Authenticate
	// Anything but an object with a token has no token.
	if err := json.Unmarshal(text, &data); err != nil {
		data.Token = ""
	}
	who, err := c.g.identify(data.Token)
	if err != nil {
		c.countRefusal(reasonToken)
		refused := refuseToken(err)
		c.noteRefusal(refused, "connect", "")
		answer, err := json.Marshal(map[string]any{"message": refused.Code,
			"data": map[string]any{"code": refused.Code, "message": refused.Message, "reason": auth.Reason(refused)}})
		if err != nil {
			return err
		}
		c.enqueueReply(append([]byte("44"), answer...))
		return nil
	}
	s.connected = true
	c.enqueueReply(fmt.Appendf(nil, `40{"sid":%q}`, rand.Text()))
	c.admit(who) // or it closes the connection
	return nil
}

// parseEvent parses the id of the acknowledgement, if one is wanted, the event and its
// first argument. A job's id or a token may stand there without an object around it.
func parseEvent(text []byte) (in request, err error) {
	text = bytes.TrimPrefix(text, []byte("/,"))
	digits := bytes.IndexByte(text, '[')
	if digits > 0 {
		if _, err := strconv.ParseUint(string(text[:digits]), 10, 63); err != nil {
			return in, errPacket
		}
		in.ID = json.RawMessage(text[:digits])
	}
	var args []json.RawMessage
	if digits < 0 || json.Unmarshal(text[digits:], &args) != nil || len(args) == 0 ||
		json.Unmarshal(args[0], &in.Event) != nil {
		return in, errPacket
	}
	if len(args) == 1 {
		return in, nil
	}
	if in.Data = args[1]; in.Data[0] != '"' {
		return in, nil
	}
	field := "job_id"
	if in.Event == frames.EventAuthenticate {
		field = "token"
	}
	in.Data, err = json.Marshal(map[string]json.RawMessage{field: args[1]})
	return in, err
}

// encodeSocketIOEvent encodes an event with its data. The sequence of a fact comes after
// that, where listeners of one argument do not see it.
func encodeSocketIOEvent(event string, data json.RawMessage, seq uint64) ([]byte, error) {
	args := []any{event, data}
	if seq > 0 {
		args = append(args, seq)
	}
	text, err := json.Marshal(args)
	return append([]byte("42"), text...), err
}

// encodeReply makes an acknowledgement where the client asked for one; a refusal is one
// with an error. Where it did not ask, it gets only what it cannot know otherwise.
func (*socketIODialect) encodeReply(event string, data any, id json.RawMessage) ([]byte, error) {
	raw, err := json.Marshal(data)
	switch {
	case err != nil:
		return nil, err
	case id == nil && event == frames.EventAck:
		return nil, nil
	case id == nil:
		return encodeSocketIOEvent(event, raw, 0)
	case event == frames.EventError:
		return fmt.Appendf(nil, `43%s[{"error":%s}]`, id, raw), nil
	}
	return fmt.Appendf(nil, `43%s[%s]`, id, raw), nil
}

func (s *socketIODialect) ping(ctx context.Context, ws *websocket.Conn) error {
	select {
	case <-s.pong: // the late answer to an earlier ping
	default:
	}
	if err := ws.Write(ctx, websocket.MessageText, []byte(enginePing)); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.pong:
		return nil
	}
}
