//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/coder/websocket"
)

// nodeServer is the server of socket.io on Node with the recovery that it offers. dir has
// socketio.mjs and its modules.
type nodeServer struct{ dir, base string }

func (p nodeServer) command(addr string) *exec.Cmd {
	return exec.Command("node", filepath.Join(p.dir, "socketio.mjs"), host(addr), port(addr))
}

func (p nodeServer) publish(ctx context.Context, channel string, m message) error {
	return post(ctx, p.base+"/publish?channel="+channel, m)
}

// nodeSession is what a client of socket.io keeps to recover.
type nodeSession struct{ PID, Offset string }

// nodeWire speaks Socket.IO over a WebSocket alone.
type nodeWire struct {
	socketIO
	session *nodeSession
	joined  bool
	got     []frame // to pass on first
}

func (p nodeServer) dial(ctx context.Context, c *client) (wire, error) {
	ws, _, err := websocket.Dial(ctx, "ws"+p.base[len("http"):]+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return nil, err
	}
	if c.recovery == nil {
		c.recovery = &nodeSession{}
	}
	w := &nodeWire{socketIO: socketIO{ws: ws}, session: c.recovery}
	if text, err := w.next(ctx); err != nil || !strings.HasPrefix(text, "0") {
		return nil, fmt.Errorf("open: %q, %w", text, err)
	}
	hello := "40"
	if c.recovery.PID != "" {
		hello = fmt.Sprintf(`40{"pid":%q,"offset":%q}`, c.recovery.PID, c.recovery.Offset)
	}
	if err := w.write(ctx, hello); err != nil {
		return nil, err
	}
	text, err := w.next(ctx)
	var connected struct{ PID string }
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(text, "40")), &connected)
	}
	if err != nil {
		return nil, fmt.Errorf("connect: %q, %w", text, err)
	}
	// A server that remembers the session gives it its old name, its rooms and what it has missed.
	w.joined = connected.PID == c.recovery.PID
	c.recovery.PID = connected.PID
	return w, nil
}

func (w *nodeWire) send(ctx context.Context, event string, data map[string]any) error {
	switch {
	case event == "ping":
		w.got = append(w.got, frame{Event: "pong"})
	case w.joined:
		w.got = append(w.got, frame{Event: "ack"})
	default:
		return w.write(ctx, fmt.Sprintf(`421["subscribe",%q]`, data["channel"]))
	}
	return nil
}

func (w *nodeWire) read(ctx context.Context) (f frame, err error) {
	if len(w.got) > 0 {
		f, w.got = w.got[0], w.got[1:]
		return f, nil
	}
	packet, err := w.next(ctx)
	if err != nil {
		return f, err
	}
	if strings.HasPrefix(packet, "431") {
		return frame{Event: "ack"}, nil
	}
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(strings.TrimPrefix(packet, "42")), &args); err != nil || len(args) < 2 {
		return f, fmt.Errorf("got %s: %w", packet, err)
	}
	var m message
	if err := json.Unmarshal(args[1], &m); err != nil {
		return f, err
	}
	if len(args) > 2 { // where the server is to go on after a break
		if err := json.Unmarshal(args[2], &w.session.Offset); err != nil {
			return f, err
		}
	}
	return m.frame(), nil
}

func host(addr string) string {
	h, _, _ := net.SplitHostPort(addr) // freeAddress has made it
	return h
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr) // freeAddress has made it
	return p
}
