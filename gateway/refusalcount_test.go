package gateway_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

// Each refused connection is counted once, by its reason.
func TestRefusedConnectionsAreCountedByReason(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Connections, c.UserConnections, c.AuthTimeout = 2, 1, time.Minute })
	token := mintToken(t, "alice", "member", time.Hour)
	want := r.gw.Stats().Refused
	if len(want) != 6 {
		t.Fatalf("reasons: %v", want)
	}
	wantCounted := func(what, reason string) {
		t.Helper()
		want[reason]++
		eventstest.Wait(t, what+" to be counted", func() bool { return r.gw.Stats().Refused[reason] == want[reason] })
		if got := r.gw.Stats().Refused; !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	wantStatus := func(path, headers string, status int) {
		t.Helper()
		if _, resp := openSocket(t, r.url, path, headers); resp.StatusCode != status {
			t.Errorf("%s %q: %s", path, headers, resp.Status)
		}
	}
	wantStatus("/", "Authorization: Bearer x\r\n", http.StatusUnauthorized)
	wantCounted("a bad token", "token")
	wantStatus("/", "Origin: https://evil.example\r\n", http.StatusForbidden)
	wantCounted("a foreign page", "origin")
	wantStatus(enginePath, "Origin: https://evil.example\r\n", http.StatusForbidden)
	wantCounted("a foreign page, Socket.IO", "origin")
	wantStatus("/socket.io/?EIO=3&transport=websocket", "", http.StatusBadRequest)
	wantCounted("an old Socket.IO", "handshake")
	if resp, err := http.Get(r.url); err != nil || resp.StatusCode != http.StatusUpgradeRequired {
		t.Error(resp, err)
	} else if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	wantCounted("no WebSocket", "handshake")

	first := dial(t, r.url, token)
	first.send("ping", nil, 1)
	first.want("pong")
	wantStatus("/", "Authorization: Bearer "+token+"\r\n", http.StatusTooManyRequests)
	wantCounted("one more of the user", "user_connections")
	second := dial(t, r.url, "")
	wantStatus("/", "", http.StatusServiceUnavailable)
	wantCounted("one more than there may be", "connections")
	for range 2 { // one connection counts once
		second.send("authenticate", map[string]string{"token": "x"}, 1)
		second.want("error")
	}
	wantCounted("a bad token in a frame", "token")
	first.send("authenticate", map[string]string{"token": "x"}, 2)
	first.want("error") // this one is signed in already, and stays
	if err := second.ws.CloseNow(); err != nil {
		t.Error(err)
	}
	eventstest.Wait(t, "room for another", func() bool { return r.gw.Stats().Connections == 1 })
	var late *socket
	eventstest.Wait(t, "it to be free", func() bool { // a moment after it has left the hub
		before := r.gw.Stats().Refused["connections"]
		ws, _, err := websocket.Dial(t.Context(), r.url, nil)
		late = &socket{t: t, ws: ws}
		want["connections"] += r.gw.Stats().Refused["connections"] - before
		return err == nil
	})
	late.send("authenticate", map[string]string{"token": token}, 1)
	if code := late.closeCode(); code != refusal.CloseTooManyConnections {
		t.Errorf("closed with %d", code)
	}
	wantCounted("one more of the user, by a frame", "user_connections")
	r.stop()
	if got := r.gw.Stats().Refused; !maps.Equal(got, want) {
		t.Errorf("at the end: %v, want %v", got, want)
	}
}

func TestConnectionWithoutATokenIsCountedAsRefused(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.AuthTimeout = 500 * time.Millisecond })
	if code := dial(t, r.url, "").closeCode(); code != refusal.CloseUnauthenticated {
		t.Errorf("closed with %d", code)
	}
	engine := dialEngine(t, r.url)
	engine.wantPrefix("0")
	engine.write(`40{"token":"x"}`)
	engine.wantPrefix("44")
	// A connection whose token expires was not refused.
	brief := dial(t, r.url, mintToken(t, "alice", "member", 2*time.Second))
	if code := brief.closeCode(); code != refusal.CloseUnauthenticated {
		t.Errorf("closed with %d", code)
	}
	if got := r.gw.Stats().Refused; got["token"] != 2 {
		t.Error(got)
	}
}
