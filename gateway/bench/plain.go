//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// dialTimeout bounds a handshake. A client that waits longer takes the gateway for gone.
const dialTimeout = 15 * time.Second

// Opcodes of a WebSocket, with the bit of a last frame.
const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8a
)

// plain is the WebSocket of /ws, in little memory: one machine has 100,000 of them beside
// the gateways that are measured. It reads frames as the gateway writes them.
type plain struct {
	conn net.Conn
	in   *bufio.Reader
	stop func() bool // no longer closes conn when the context ends
}

func dialPlain(ctx context.Context, dialer *net.Dialer, addr, token string) (_ *plain, err error) {
	dctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dialer.DialContext(dctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	p := &plain{conn: conn, in: bufio.NewReaderSize(conn, 512)}
	p.stop = context.AfterFunc(ctx, func() { _ = conn.Close() }) // makes a read end
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Authorization: Bearer %s\r\n\r\n", addr, token)
	if err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("handshake: %s", resp.Status)
	}
	return p, conn.SetDeadline(time.Time{})
}

func (p *plain) close() {
	p.stop()
	_ = p.conn.Close() // it has ended
}

func (p *plain) send(_ context.Context, event string, data map[string]any) error {
	text, err := json.Marshal(map[string]any{"event": event, "data": data, "id": 1})
	if err != nil {
		return err
	}
	return p.write(opText, text)
}

// write writes a frame of at most 64 KB, with a mask of zeros.
func (p *plain) write(op byte, text []byte) error {
	frame := make([]byte, 0, len(text)+8)
	if n := len(text); n < 126 {
		frame = append(frame, op, 0x80|byte(n))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, op, 0x80|126), uint16(n))
	}
	frame = append(frame, 0, 0, 0, 0)
	_, err := p.conn.Write(append(frame, text...))
	return err
}

func (p *plain) read(context.Context) (f frame, err error) {
	for {
		op, text, err := p.next()
		switch {
		case err != nil:
			return f, err
		case op == opPing:
			if err := p.write(opPong, text); err != nil {
				return f, err
			}
			continue
		case op == opClose && len(text) >= 2:
			_ = p.write(opClose, text) // the gateway may be gone
			return f, websocket.CloseError{Code: websocket.StatusCode(binary.BigEndian.Uint16(text)), Reason: string(text[2:])}
		case op != opText:
			return f, fmt.Errorf("got a frame with opcode %#x", op)
		}
		if err := json.Unmarshal(text, &f); err != nil {
			return f, err
		}
		if f.Event == "error" {
			err = fmt.Errorf("refused: %s", f.Data.Message)
		}
		return f, err
	}
}

// next reads a frame.
func (p *plain) next() (op byte, text []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(p.in, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(head[1])
	switch {
	case n == 126:
		var long [2]byte
		if _, err := io.ReadFull(p.in, long[:]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(long[:]))
	case n > 126:
		return 0, nil, errors.New("a frame is masked, or longer than 64 KB")
	}
	text = make([]byte, n)
	_, err = io.ReadFull(p.in, text)
	return head[0], text, err
}
