package gateway_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/revocation"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
)

// startRevocable starts a gateway that knows what is revoked, as the user that it has.
func startRevocable(t *testing.T, nats *embedded.Server, change ...func(*revocation.Config)) (url string) {
	t.Helper()
	cfg := revocation.Config{JetStream: eventstest.Connect(t, nats, "gateway"), Interval: 50 * time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	w, err := revocation.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	verifier, err := auth.New(t.Context(), auth.Config{Secret: secret, Revocations: w})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	_, url, _ = startGateway(t, nats, func(c *gateway.Config) { c.Verifier = verifier })
	return url
}

// grant makes a token that was issued a while ago.
func grant(t *testing.T, user, id string) string {
	t.Helper()
	g := auth.Grant{User: events.User{ID: user, Role: "member"}, TTL: time.Hour, TokenID: id}
	token, err := g.Sign(secret, time.Now().Add(-10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func revoke(t *testing.T, nats *embedded.Server, e revocation.Entry) {
	t.Helper()
	e.At, e.Until = time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	if err := revocation.Revoke(t.Context(), eventstest.Connect(t, nats, "revoker"), e); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionsEndWithTheirRevokedTokens(t *testing.T) {
	nats := eventstest.Start(t)
	url := startRevocable(t, nats)
	alice, other, bob := dial(t, url, grant(t, "alice", "one")), dial(t, url, grant(t, "alice", "two")),
		dial(t, url, grant(t, "bob", "three"))
	late := dial(t, url, "")
	late.send("authenticate", map[string]string{"token": grant(t, "alice", "one")}, 1)
	late.want("ack")
	engine := dialEngine(t, url)
	engine.wantPrefix("0{")
	engine.write(`40{"token":"` + grant(t, "alice", "one") + `"}`)
	engine.wantPrefix("40{")

	revoke(t, nats, revocation.Entry{TokenID: "one"})
	for name, s := range map[string]*socket{"header": alice, "frame": late} {
		if code := s.closeCode(); code != 4001 {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
	if text, err := engine.read(); websocket.CloseStatus(err) != 4001 {
		t.Errorf("Socket.IO: %q, %v", text, err)
	}
	if resp := refusedDial(t, url, grant(t, "alice", "one")); resp.StatusCode != 401 {
		t.Errorf("the token again: %s", resp.Status)
	}
	// The other token and the other user are let be.
	for _, s := range []*socket{other, bob} {
		s.send("ping", nil, 1)
		s.want("pong")
	}

	revoke(t, nats, revocation.Entry{User: "alice"})
	if code := other.closeCode(); code != 4001 {
		t.Errorf("closed with %d", code)
	}
	bob.send("ping", nil, 2)
	bob.want("pong")
	late = dial(t, url, "")
	late.send("authenticate", map[string]string{"token": grant(t, "alice", "four")}, 1)
	if f := late.want("error"); f.Data["code"] != "unauthenticated" {
		t.Errorf("a revoked user: %s", f.raw)
	}
	// Who signs in again is let in, on the same connection too.
	late.send("authenticate", map[string]string{"token": mintToken(t, "alice", "member", time.Hour)}, 2)
	late.want("ack")
}

// While nobody knows what is revoked nobody is let in, and who is in stays.
func TestNobodyIsLetInWhileRevocationsAreNotKnown(t *testing.T) {
	nats := eventstest.Start(t)
	url := startRevocable(t, nats, func(c *revocation.Config) { c.MaxAge = 300 * time.Millisecond })
	alice := dial(t, url, grant(t, "alice", "one"))
	owner := eventstest.Connect(t, nats, eventstest.Owner)
	if err := owner.DeleteStream(t.Context(), "KV_"+events.KVRevocations); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "the refusal", func() bool {
		ws, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
			HTTPHeader: http.Header{"Authorization": {"Bearer " + grant(t, "bob", "two")}}})
		if err == nil {
			_ = ws.CloseNow()
			return false
		}
		return resp != nil && resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "1"
	})
	alice.send("ping", nil, 1)
	alice.want("pong")
	if err := events.Provision(t.Context(), owner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "the way in", func() bool {
		ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
			HTTPHeader: http.Header{"Authorization": {"Bearer " + grant(t, "bob", "two")}}})
		if err == nil {
			_ = ws.CloseNow()
		}
		return err == nil
	})
}

// refusedDial returns the answer to a request that does not become a WebSocket.
func refusedDial(t *testing.T, url, token string) *http.Response {
	t.Helper()
	ws, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err == nil {
		_ = ws.CloseNow()
		t.Fatal("let in")
	}
	return resp
}
