package gateway

import (
	"bytes"
	"cmp"
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
	"rollcall.example/gateway/engineio"
	"rollcall.example/gateway/frames"
)

// Types of packets of Socket.IO 5, which are in messages of Engine.IO.
const (
	ioConnect     = '0'
	ioDisconnect  = '1'
	ioEvent       = '2'
	ioAck         = '3'
	ioBinaryEvent = '5'
	ioBinaryAck   = '6'
)

// maxAttachments is how many binary attachments one packet may have.
const maxAttachments = 10

// errPacket is a packet that no client of Socket.IO sends. The client sees the text.
var errPacket = errors.New("not a packet that is expected here")

// socketIODialect is Socket.IO 5 over Engine.IO 4, in the namespace "/" only. All but pong
// is used by the reading goroutine only.
type socketIODialect struct {
	connected bool
	header    string // the token in the handshake's Authorization header
	pong      chan struct{}
	binary    *binaryPacket // whose attachments are awaited; nil is none
	// positions are the sequences that the client had of jobs before it connected again;
	// each is used once.
	positions map[string]uint64
}

// binaryPacket is a packet that is complete once its attachments have come.
type binaryPacket struct {
	in      request
	isEvent bool
	missing int // attachments
}

func newSocketIODialect(r *http.Request) *socketIODialect {
	s := &socketIODialect{pong: make(chan struct{}, 1)}
	// A header of another kind may be for a proxy; the client's auth has the token then.
	if token, err := auth.TokenFromRequest(r); err == nil {
		s.header = token
	}
	return s
}

// ServeSocketIO serves clients of Socket.IO, by polling or over a WebSocket. It refuses any
// Engine.IO but version 4.
func (g *Gateway) ServeSocketIO(w http.ResponseWriter, r *http.Request) { g.sessions.serve(w, r) }

func (s *sessions) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id, transport := q.Get("sid"), q.Get("transport")
	if r.Method == http.MethodOptions || transport == "polling" {
		if !s.allowPage(w, r) {
			return
		}
	}
	switch {
	case q.Get("EIO") != "4":
		s.refuse(w, engineio.CodeUnsupportedVersion)
	case q.Has("j"): // JSONP
		s.refuse(w, engineio.CodeBadRequest)
	case transport == "polling":
		s.servePolling(w, r, id)
	case transport != "websocket":
		s.refuse(w, engineio.CodeUnknownTransport)
	case id != "":
		s.upgrade(w, r, id)
	default:
		s.openWebSocket(w, r)
	}
}

// openWebSocket begins a session that never polls.
func (s *sessions) openWebSocket(w http.ResponseWriter, r *http.Request) {
	ws, ok := s.g.accept(w, r, security.FaceSocketIO)
	if !ok {
		return
	}
	c := newConn(s.g, newSocketIODialect(r), s.g.addressOf(r))
	c.ws.Store(ws)
	enter(c)
	c.enqueueReply(s.openPacket(rand.Text(), ""))
	go c.serve()
}

// openPacket is the first packet of a session. upgrade is the transport that the client
// may go over to, empty where there is none.
func (s *sessions) openPacket(id, upgrade string) []byte {
	if upgrade != "" {
		upgrade = strconv.Quote(upgrade)
	}
	return fmt.Appendf(nil, `0{"sid":%q,"upgrades":[%s],"pingInterval":%d,"pingTimeout":%d,"maxPayload":%d}`,
		id, upgrade, s.g.cfg.PingInterval.Milliseconds(), s.g.cfg.WriteTimeout.Milliseconds(), readLimit)
}

// refuse refuses a request that does not fit to the protocol.
func (s *sessions) refuse(w http.ResponseWriter, code engineio.Code) {
	s.g.countRefusal(reasonHandshake)
	engineio.Refuse(w, code)
}

func (*socketIODialect) kind() int { return socketIO }

func (*socketIODialect) face() security.Face { return security.FaceSocketIO }

func (s *socketIODialect) receive(c *conn, packet engineio.Packet) (in request, ok bool) {
	in, ok, err := s.parse(c, packet)
	if err != nil {
		c.close(websocket.StatusProtocolError, err.Error())
	}
	return in, ok && err == nil
}

// parse handles a packet of Engine.IO. It is ok for a request of the client.
func (s *socketIODialect) parse(c *conn, packet engineio.Packet) (in request, ok bool, err error) {
	text := packet.Data
	switch {
	case packet.Binary:
		return s.attach()
	case len(text) == 0:
		return in, false, errPacket
	case text[0] == engineio.TypePong:
		signal(s.pong)
	case text[0] == engineio.TypeNoop:
	case text[0] == engineio.TypeClose:
		c.close(websocket.StatusNormalClosure, "")
	case text[0] != engineio.TypeMessage || len(text) == 1 || s.binary != nil:
		return in, false, errPacket
	default:
		return s.parseMessage(c, text[1], text[2:])
	}
	return in, false, nil
}

// parseMessage handles a packet of Socket.IO.
func (s *socketIODialect) parseMessage(c *conn, kind byte, text []byte) (in request, ok bool, err error) {
	if kind == ioConnect {
		return in, false, s.connect(c, text)
	}
	if !s.connected {
		return in, false, errPacket
	}
	switch kind {
	case ioDisconnect:
		if len(text) > 0 && string(text) != "/" && string(text) != "/," {
			return in, false, errPacket
		}
		s.connected, s.positions = false, nil
		c.signOut()
	case ioEvent:
		in, err = parseEvent(text)
		return in, true, err
	case ioBinaryEvent, ioBinaryAck:
		return s.awaitAttachments(kind == ioBinaryEvent, text)
	case ioAck: // of nothing that was asked
		_, _, err = parseID(text)
	default:
		err = errPacket
	}
	return in, false, err
}

// awaitAttachments keeps a packet until its binary attachments have come.
func (s *socketIODialect) awaitAttachments(isEvent bool, text []byte) (in request, ok bool, err error) {
	count, text, found := bytes.Cut(text, []byte("-"))
	n, err := strconv.Atoi(string(count))
	if !found || err != nil || n < 0 || n > maxAttachments {
		return in, false, errPacket
	}
	if isEvent {
		in, err = parseEvent(text)
	} else {
		_, _, err = parseID(text)
	}
	if err == nil && n > 0 {
		s.binary = &binaryPacket{in: in, isEvent: isEvent, missing: n}
		return in, false, nil
	}
	return in, isEvent, err
}

// attach counts a binary attachment. Nothing here takes one: an event that has some is
// refused as any other whose data is wrong.
func (s *socketIODialect) attach() (in request, ok bool, err error) {
	b := s.binary
	if b == nil {
		return in, false, errPacket
	}
	if b.missing--; b.missing > 0 {
		return in, false, nil
	}
	s.binary = nil
	return b.in, b.isEvent, nil
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
	var data struct {
		frames.Authenticate
		PID    any `json:"pid"`
		Offset any `json:"offset"`
	}
	// Anything but an object with a token has no token.
	if err := json.Unmarshal(text, &data); err != nil {
		data.Token = ""
	}
	who, err := c.g.identify(cmp.Or(data.Token, s.header))
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
	s.connected, s.header = true, ""
	pid, _ := data.PID.(string)
	if offset, ok := data.Offset.(string); ok && isOf(pid, who.claims.ID) {
		s.positions = parseOffset(offset, c.g.cfg.Subscriptions)
	}
	c.enqueueReply(fmt.Appendf(nil, `40{"sid":%q,"pid":%q}`, rand.Text(), newPID(who.claims.ID)))
	c.admit(who) // or it closes the connection
	return nil
}

// parseEvent parses the id of the acknowledgement, if one is wanted, the event and its
// first argument. A job's id or a token may stand there without an object around it.
func parseEvent(text []byte) (in request, err error) {
	var list []byte
	if in.ID, list, err = parseID(text); err != nil {
		return in, err
	}
	var args []json.RawMessage
	if json.Unmarshal(list, &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &in.Event) != nil {
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

// parseID cuts the id, nil for none, from the list that follows it.
func parseID(text []byte) (id json.RawMessage, list []byte, err error) {
	text = bytes.TrimPrefix(text, []byte("/,"))
	digits := bytes.IndexByte(text, '[')
	if digits < 0 {
		return nil, nil, errPacket
	}
	if digits > 0 {
		if _, err := strconv.ParseUint(string(text[:digits]), 10, 63); err != nil {
			return nil, nil, errPacket
		}
		id = json.RawMessage(text[:digits])
	}
	return id, text[digits:], nil
}

// encodeSocketIOEvent encodes an event, whose name needs no escape, with its data in JSON. The
// sequence of a fact comes after that, where listeners of one argument do not see it.
func encodeSocketIOEvent(event string, data []byte, seq uint64) []byte {
	text := make([]byte, 0, len(data)+len(event)+32)
	text = append(append(text, `42["`...), event...)
	text = append(append(text, `",`...), data...)
	if seq > 0 {
		text = strconv.AppendUint(append(text, ','), seq, 10)
	}
	return append(text, ']')
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
		return encodeSocketIOEvent(event, raw, 0), nil
	case event == frames.EventError:
		return fmt.Appendf(nil, `43%s[{"error":%s}]`, id, raw), nil
	}
	return fmt.Appendf(nil, `43%s[%s]`, id, raw), nil
}

func (s *socketIODialect) ping(ctx context.Context, c *conn) error {
	select {
	case <-s.pong: // the late answer to an earlier ping
	default:
	}
	if err := c.writeFirst(ctx, []byte{engineio.TypePing}); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.pong:
		return nil
	}
}
