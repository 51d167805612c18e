package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
)

// The client does not wait for the answer to its handshake.
func TestFrameSentWithTheHandshakeIsRead(t *testing.T) {
	r := newRig(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// Longer than the small buffer, masked with zeros.
	text := `{"event":"ping","data":"` + strings.Repeat("x", 1000) + `"}`
	request := "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	frame := string([]byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}) + text
	if _, err := io.WriteString(conn, request+frame); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", resp, err)
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(in, head); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, head[1])
	if _, err := io.ReadFull(in, answer); err != nil || !strings.Contains(string(answer), `"event":"pong"`) {
		t.Fatalf("%s, %v", answer, err)
	}
	eventstest.Wait(t, "the connection", func() bool { return r.gw.Connections() == 1 })
}
