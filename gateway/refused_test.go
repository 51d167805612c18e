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

// Who is turned away is counted once, by why.
func TestRefusedConnectionsAreCountedByReason(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.Connections, c.UserConnections, c.AuthTimeout = 2, 1, time.Minute })
	token := mint(t, "alice", "member", time.Hour)
	want := r.gw.Stats().Refused
	if len(want) != 6 {
		t.Fatalf("reasons: %v", want)
	}
	counted := func(what, reason string) {
		t.Helper()
		want[reason]++
		eventstest.Wait(t, what+" to be counted", func() bool { return r.gw.Stats().Refused[reason] == want[reason] })
		if got := r.gw.Stats().Refused; !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	refused := func(path, headers string, status int) {
		t.Helper()
		if _, resp := shake(t, r.url, path, headers); resp.StatusCode != status {
			t.Errorf("%s %q: %s", path, headers, resp.Status)
		}
	}
	refused("/", "Authorization: Bearer x\r\n", http.StatusUnauthorized)
	counted("a bad token", "token")
	refused("/", "Origin: https://evil.example\r\n", http.StatusForbidden)
	counted("a foreign page", "origin")
	refused(enginePath, "Origin: https://evil.example\r\n", http.StatusForbidden)
	counted("a foreign page, Socket.IO", "origin")
	refused("/socket.io/?EIO=3&transport=websocket", "", http.StatusBadRequest)
	counted("an old Socket.IO", "handshake")
	if resp, err := http.Get(r.url); err != nil || resp.StatusCode != http.StatusUpgradeRequired {
		t.Error(resp, err)
	} else if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	counted("no WebSocket", "handshake")

	first := dial(t, r.url, token)
	first.send("ping", nil, 1)
	first.want("pong")
	refused("/", "Authorization: Bearer "+token+"\r\n", http.StatusTooManyRequests)
	counted("one more of the user", "user_connections")
	second := dial(t, r.url, "")
	refused("/", "", http.StatusServiceUnavailable)
	counted("one more than there may be", "connections")
	for range 2 { // it is one connection
		second.send("authenticate", map[string]string{"token": "x"}, 1)
		second.want("error")
	}
	counted("a bad token in a frame", "token")
	first.send("authenticate", map[string]string{"token": "x"}, 2)
	first.want("error") // who is in already is not turned away
	if err := second.ws.CloseNow(); err != nil {
		t.Error(err)
	}
	eventstest.Wait(t, "room for another", func() bool { return r.gw.Stats().Connections == 1 })
	var late *socket
	eventstest.Wait(t, "it to be free", func() bool { // a moment after it is not counted any more
		before := r.gw.Stats().Refused["connections"]
		ws, _, err := websocket.Dial(t.Context(), r.url, nil)
		late = &socket{t: t, ws: ws}
		want["connections"] += r.gw.Stats().Refused["connections"] - before
		return err == nil
	})
	late.send("authenticate", map[string]string{"token": token}, 1)
	if code := late.closed(); code != refusal.CloseTooManyConnections {
		t.Errorf("closed with %d", code)
	}
	counted("one more of the user, by a frame", "user_connections")
	r.stop()
	if got := r.gw.Stats().Refused; !maps.Equal(got, want) {
		t.Errorf("at the end: %v, want %v", got, want)
	}
}

func TestWhoShowsNoTokenInTimeIsCounted(t *testing.T) {
	r := newRig(t, func(c *gateway.Config) { c.AuthTimeout = 500 * time.Millisecond })
	if code := dial(t, r.url, "").closed(); code != refusal.CloseUnauthenticated {
		t.Errorf("closed with %d", code)
	}
	engine := dialEngine(t, r.url)
	engine.starts("0")
	engine.say(`40{"token":"x"}`)
	engine.starts("44")
	// Whose token ends has been let in.
	brief := dial(t, r.url, mint(t, "alice", "member", 2*time.Second))
	if code := brief.closed(); code != refusal.CloseUnauthenticated {
		t.Errorf("closed with %d", code)
	}
	if got := r.gw.Stats().Refused; got["token"] != 2 {
		t.Error(got)
	}
}
