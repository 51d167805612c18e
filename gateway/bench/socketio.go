//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

// Transports that the clients can use.
const (
	transportWebSocket = "websocket" // /ws
	transportPolling   = "polling"   // Socket.IO that polls
	transportUpgrade   = "upgrade"   // Socket.IO that begins with polling and goes over to a WebSocket
)

// socketIO is a connection of Socket.IO. One goroutine uses it.
type socketIO struct {
	http *http.Client
	base string          // of a polling request
	ws   *websocket.Conn // nil while it polls
	got  []string        // packets that were polled and not read yet
}

// dialSocketIO connects and signs in.
func dialSocketIO(ctx context.Context, c *client) (*socketIO, error) {
	s := &socketIO{http: c.f.http, base: "http://" + c.addr + "/socket.io/?EIO=4&transport=polling"}
	text, err := s.request(ctx, http.MethodGet, "")
	var open struct{ SID string }
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(text, "0")), &open)
	}
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	s.base += "&sid=" + open.SID
	if err := s.write(ctx, fmt.Sprintf(`40{"token":%q}`, c.token)); err != nil {
		return nil, err
	}
	if text, err = s.next(ctx); err != nil || !strings.HasPrefix(text, "40") {
		return nil, fmt.Errorf("sign in: %q, %w", text, err)
	}
	if c.f.load.Transport == transportUpgrade {
		err = s.upgrade(ctx)
	}
	return s, err
}

func (s *socketIO) upgrade(ctx context.Context) error {
	url := "ws" + strings.TrimPrefix(strings.Replace(s.base, "transport=polling", "transport=websocket", 1), "http")
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	s.ws = ws
	if err := s.write(ctx, "2probe"); err != nil {
		return err
	}
	if _, text, err := ws.Read(ctx); err != nil || string(text) != "3probe" {
		return fmt.Errorf("upgrade: %q, %w", text, err)
	}
	return s.write(ctx, "5")
}

// request polls or posts.
func (s *socketIO) request(ctx context.Context, method, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return string(text), err
}

func (s *socketIO) write(ctx context.Context, packet string) error {
	if s.ws != nil {
		return s.ws.Write(ctx, websocket.MessageText, []byte(packet))
	}
	_, err := s.request(ctx, http.MethodPost, packet)
	return err
}

// next returns the next message. It answers pings.
func (s *socketIO) next(ctx context.Context) (string, error) {
	for {
		if s.ws != nil && len(s.got) == 0 {
			_, text, err := s.ws.Read(ctx)
			if err != nil {
				return "", err
			}
			s.got = []string{string(text)}
		} else if len(s.got) == 0 {
			text, err := s.request(ctx, http.MethodGet, "")
			if err != nil {
				return "", err
			}
			s.got = strings.Split(text, "\x1e")
		}
		packet := s.got[0]
		switch s.got = s.got[1:]; {
		case packet == "2":
			if err := s.write(ctx, "3"); err != nil {
				return "", err
			}
		case packet == "1":
			return "", io.EOF
		case packet != "6":
			return packet, nil
		}
	}
}

func (s *socketIO) send(ctx context.Context, event string, data map[string]any) error {
	text, err := json.Marshal([]any{event, data})
	if err != nil {
		return err
	}
	return s.write(ctx, "421"+string(text))
}

// read returns the next event, or the answer to a request.
func (s *socketIO) read(ctx context.Context) (f frame, err error) {
	packet, err := s.next(ctx)
	if err != nil {
		return f, err
	}
	var args []json.RawMessage
	event, isEvent := strings.CutPrefix(packet, "42")
	if !isEvent {
		event = strings.TrimPrefix(packet, "431")
	}
	if err := json.Unmarshal([]byte(event), &args); err != nil || len(args) == 0 {
		return f, fmt.Errorf("got %s: %w", packet, err)
	}
	if !isEvent {
		f.Event = "pong"
		if err = json.Unmarshal(args[0], &f.Data); f.Data.LastSeq > 0 {
			f.Event = "ack"
		} else if strings.HasPrefix(string(args[0]), `{"error"`) {
			err = fmt.Errorf("refused: %s", args[0])
		}
		return f, err
	}
	if err = json.Unmarshal(args[0], &f.Event); err == nil && len(args) > 1 {
		err = json.Unmarshal(args[1], &f.Data)
	}
	if err == nil && len(args) > 2 {
		err = json.Unmarshal(args[2], &f.Seq)
	}
	return f, err
}

func (s *socketIO) close() {
	if s.ws != nil {
		_ = s.ws.CloseNow() // it has ended
	}
}
