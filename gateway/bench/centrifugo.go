//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/coder/websocket"
)

// centrifugo is Centrifugo with its memory engine, a history of each channel and recovery
// from it. dir has the program and centrifugo.json.
type centrifugo struct{ dir, base string }

func (p centrifugo) command(addr string) *exec.Cmd {
	return exec.Command(filepath.Join(p.dir, "centrifugo"), "--config", filepath.Join(p.dir, "centrifugo.json"),
		"--http_server.address", host(addr), "--http_server.port", port(addr))
}

func (p centrifugo) publish(ctx context.Context, channel string, m message) error {
	return post(ctx, p.base+"/api/publish", map[string]any{"channel": channel, "data": m})
}

// centrifugoPlace is where a client is in the history of its channel.
type centrifugoPlace struct {
	Epoch  string
	Offset uint64
}

// centrifugoWire speaks its protocol of JSON lines.
type centrifugoWire struct {
	ws    *websocket.Conn
	place *centrifugoPlace
	got   []frame // read and not passed on
}

func (p centrifugo) dial(ctx context.Context, c *client) (wire, error) {
	ws, _, err := websocket.Dial(ctx, "ws"+p.base[len("http"):]+"/connection/websocket", nil)
	if err != nil {
		return nil, err
	}
	if c.place == nil {
		c.place = &centrifugoPlace{}
	}
	w := &centrifugoWire{ws: ws, place: c.place}
	if err := w.write(ctx, map[string]any{"id": 1, "connect": map[string]any{}}); err != nil {
		return nil, err
	}
	f, err := w.read(ctx)
	if err == nil && f.Event != "pong" {
		err = fmt.Errorf("got %s instead of an answer to connect", f.Event)
	}
	return w, err
}

func (w *centrifugoWire) close() { _ = w.ws.CloseNow() } // it has ended

func (w *centrifugoWire) write(ctx context.Context, command map[string]any) error {
	text, err := json.Marshal(command)
	if err != nil {
		return err
	}
	return w.ws.Write(ctx, websocket.MessageText, text)
}

func (w *centrifugoWire) send(ctx context.Context, event string, data map[string]any) error {
	if event == "ping" { // only the server asks here
		w.got = append(w.got, frame{Event: "pong"})
		return nil
	}
	return w.write(ctx, map[string]any{"id": 2, "subscribe": map[string]any{"channel": data["channel"],
		"recover": w.place.Epoch != "", "epoch": w.place.Epoch, "offset": w.place.Offset}})
}

// publication is a message of a channel.
type publication struct {
	Offset uint64
	Data   message
}

func (w *centrifugoWire) read(ctx context.Context) (f frame, err error) {
	for len(w.got) == 0 {
		_, text, err := w.ws.Read(ctx)
		if err != nil {
			return f, err
		}
		for line := range bytes.Lines(text) {
			if err := w.take(ctx, line); err != nil {
				return f, err
			}
		}
	}
	f, w.got = w.got[0], w.got[1:]
	return f, nil
}

// take reads a line of the server: an answer, a publication or a ping.
func (w *centrifugoWire) take(ctx context.Context, line []byte) error {
	var reply struct {
		ID        int
		Error     *struct{ Message string }
		Subscribe *struct {
			centrifugoPlace
			Publications []publication
		}
		Push *struct{ Pub *publication }
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return err
	}
	switch {
	case reply.Error != nil:
		return fmt.Errorf("refused: %s", reply.Error.Message)
	case reply.Subscribe != nil:
		w.got = append(w.got, frame{Event: "ack"})
		*w.place = reply.Subscribe.centrifugoPlace
		for _, p := range reply.Subscribe.Publications {
			w.got = append(w.got, p.Data.frame())
		}
	case reply.ID == 1:
		w.got = append(w.got, frame{Event: "pong"})
	case reply.Push != nil && reply.Push.Pub != nil:
		w.place.Offset = reply.Push.Pub.Offset
		w.got = append(w.got, reply.Push.Pub.Data.frame())
	case reply.Push == nil:
		return w.ws.Write(ctx, websocket.MessageText, []byte("{}"))
	}
	return nil
}
