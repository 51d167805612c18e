package gateway_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

// openSocket does the handshake by hand, so that any bytes can be sent after it.
func openSocket(t *testing.T, url, path, headers string) (net.Conn, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(20 * time.Second))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	host := strings.TrimPrefix(url, "http://")
	_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+headers+"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, resp
}

// waitClosed reads until the server closes the connection.
func waitClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("still open after 20 s")
	}
}

func TestSocketsOfAttackersAreClosed(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) {
		c.AuthTimeout, c.PingInterval, c.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	})
	bearer := "Authorization: Bearer " + mintToken(t, "alice", "member", time.Hour) + "\r\n"
	masked := func(first byte, length ...byte) string {
		return string(append(append([]byte{first}, length...), 0, 0, 0, 0))
	}
	for name, tt := range map[string]struct{ path, headers, says string }{
		"nothing":               {"/", "", ""},
		"nothing, Socket.IO":    {enginePath, "", ""},
		"a token, then no pong": {"/", bearer, ""},
		"half a first frame":    {"/", "", masked(0x81, 0x80|100) + "{"},
		"a frame of 2^63 bytes": {"/", bearer,
			masked(0x81, 0x80|127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)},
		"a frame of 33 KB": {"/", bearer, masked(0x81, 0x80|126, 0x81, 0) + strings.Repeat("a", 0x8100)},
		"fragments beyond the limit": {"/", bearer, masked(0x01, 0x80|126, 0x70, 0) + strings.Repeat("a", 0x7000) +
			masked(0x80, 0x80|126, 0x70, 0) + strings.Repeat("a", 0x7000)},
		"a compressed frame":     {"/", bearer, masked(0xc1, 0x80|1) + "a"},
		"a frame without a mask": {"/", bearer, "\x81\x01a"},
		"a binary frame":         {"/", bearer, masked(0x82, 0x80|1) + "a"},
		"a long ping":            {"/", bearer, masked(0x89, 0x80|126, 0, 200) + strings.Repeat("a", 200)},
		"an unknown opcode":      {"/", bearer, masked(0x83, 0x80|1) + "a"},
		"another protocol":       {"/", bearer, "GET / HTTP/1.1\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, resp := openSocket(t, r.url, tt.path, tt.headers)
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(resp.Status)
			}
			_, _ = io.WriteString(conn, tt.says) // may be closed in the middle
			waitClosed(t, conn)
		})
	}
}

func TestGatewayNeverCompresses(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/", enginePath} {
		_, resp := openSocket(t, r.url, path,
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
		if got := resp.Header.Get("Sec-WebSocket-Extensions"); resp.StatusCode != http.StatusSwitchingProtocols ||
			got != "" {
			t.Errorf("%s: %d, extensions %q", path, resp.StatusCode, got)
		}
	}
}

func TestForeignPagesCannotConnect(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Origins = []string{"console.example"} })
	bearer := "Authorization: Bearer " + mintToken(t, "alice", "member", time.Hour) + "\r\n"
	for _, path := range []string{"/", enginePath} {
		for _, origin := range []string{"https://evil.example", "https://console.example.evil.example",
			"https://evil-console.example", "null",
			"https://console.example@evil.example", "file://", "https://evil.example#console.example",
			"javascript:alert(1)", "https://CONSOLE.example.:1"} {
			_, resp := openSocket(t, r.url, path, bearer+"Origin: "+origin+"\r\n")
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s from %s: %s", path, origin, resp.Status)
			}
			for name := range resp.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s from %s: %s", path, origin, name)
				}
			}
		}
	}
}

func TestConnectionsOfAUserAreLimited(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.UserConnections = 2 })
	token := mintToken(t, "alice", "member", time.Hour)
	first := dial(t, r.url, token)
	engine := dialEngine(t, r.url)
	engine.wantPrefix("0")
	engine.write(`40{"token":"` + token + `"}`)
	engine.wantPrefix("40")
	engine.write(`421["ping"]`) // the answer to connect goes out before the connection counts
	engine.wantPrefix("431")
	first.send("ping", nil, 1)
	first.want("pong")
	// The request says who asks.
	_, resp, err := websocket.Dial(t.Context(), r.url,
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%v %v", resp, err)
	}
	var body struct{ Error struct{ Code string } }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Error.Code != "too_many_connections" {
		t.Errorf("%+v %v", body, err)
	}
	// A token in a frame comes too late for an answer over HTTP.
	late := dial(t, r.url, "")
	late.send("authenticate", map[string]string{"token": token}, 1)
	if code := late.closeCode(); code != refusal.CloseTooManyConnections {
		t.Errorf("closed with %d", code)
	}
	lateEngine := dialEngine(t, r.url)
	lateEngine.write(`40{"token":"` + token + `"}`)
	lateEngine.wantPrefix("0")
	_, err = lateEngine.read()
	for err == nil {
		_, err = lateEngine.read()
	}
	if code := websocket.CloseStatus(err); code != refusal.CloseTooManyConnections {
		t.Errorf("Socket.IO: closed with %d", code)
	}
	// A second token makes no second connection, and others have their own limit.
	first.send("authenticate", map[string]string{"token": token}, 2)
	first.want("ack")
	dial(t, r.url, mintToken(t, "bob", "member", time.Hour))
	if err := engine.ws.CloseNow(); err != nil {
		t.Error(err)
	}
	eventstest.Wait(t, "room for another", func() bool {
		ws, _, err := websocket.Dial(t.Context(), r.url,
			&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
		if err == nil {
			_ = ws.CloseNow()
		}
		return err == nil
	})
}

func TestConnectionsOfAGatewayAreLimited(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Connections = 2 })
	first := dial(t, r.url, "")
	dialEngine(t, r.url)
	for _, path := range []string{"/", enginePath} {
		_, resp := openSocket(t, r.url, path, "")
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if err := first.ws.CloseNow(); err != nil {
		t.Error(err)
	}
	eventstest.Wait(t, "room for another", func() bool {
		ws, _, err := websocket.Dial(t.Context(), r.url, nil)
		if err == nil {
			_ = ws.CloseNow()
		}
		return err == nil
	})
}
