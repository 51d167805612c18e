package gateway

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/coder/websocket"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/engineio"
)

// link is what a client is connected by: polling, a WebSocket, or first one and then the
// other.
type link struct {
	ws   atomic.Pointer[socket]           // nil while the client polls
	poll atomic.Pointer[engineio.Polling] // nil unless the client polls
}

// read returns what the client sends next, over whatever it uses now.
func (l *link) read(ctx context.Context) (engineio.Packet, error) {
	if p := l.poll.Load(); p != nil {
		packet, err := p.Read(ctx)
		if !errors.Is(err, engineio.ErrUpgraded) {
			return packet, err
		}
	}
	kind, data, err := l.ws.Load().Read(ctx)
	return engineio.Packet{Data: data, Binary: kind != websocket.MessageText}, err
}

// wakePoll tells a poll that waits of something to send, and returns false where the
// client does not poll.
func (l *link) wakePoll() bool {
	p := l.poll.Load()
	if p != nil {
		p.Wake()
	}
	return p != nil
}

// writeFirst writes a packet before all that waits in the queue.
func (l *link) writeFirst(ctx context.Context, text []byte) error {
	if p := l.poll.Load(); p != nil && p.SendFirst(text) {
		return nil
	}
	ws := l.ws.Load()
	if ws == nil {
		return engineio.ErrEnded
	}
	return ws.Write(ctx, websocket.MessageText, text)
}

// tellClose tells the client that the connection ends. A client that polls hears no code:
// it connects again, and is told then what must not be tried again.
func (l *link) tellClose(code websocket.StatusCode, reason string) {
	if p := l.poll.Load(); p != nil && p.Close(comesBack(code)) {
		return
	}
	// The client may be gone or not reading; then it cannot be told.
	_ = l.ws.Load().Close(code, reason)
}

// closeNow lets go of the client. It does nothing where it was told before.
func (l *link) closeNow() {
	if p := l.poll.Load(); p != nil {
		p.Close(true)
	}
	if ws := l.ws.Load(); ws != nil {
		_ = ws.CloseNow()
	}
}

// comesBack reports whether a client that is closed with a code should connect again as it
// is.
func comesBack(code websocket.StatusCode) bool {
	switch code {
	case refusal.CloseRestart, refusal.CloseTooSlow, refusal.ClosePingTimeout, refusal.CloseStreamReset:
		return true
	}
	return false
}
