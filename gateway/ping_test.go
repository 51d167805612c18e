package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/auth/authtest"
)

// startPinging runs a gateway that pings often, and connects alice to it.
func startPinging(t *testing.T, nats *embedded.Server) (*Gateway, *conn, *websocket.Conn) {
	t.Helper()
	v, err := auth.New(t.Context(), auth.Config{Secret: authtest.Secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	g, err := New(Config{JetStream: eventstest.Connect(t, nats, "gateway"), Verifier: v,
		Logger:  slog.New(slog.DiscardHandler),
		Readers: 1, PingInterval: 20 * time.Millisecond, WriteTimeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(g)
	t.Cleanup(web.Close)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventstest.Wait(t, "the gateway", func() bool { return g.Ready() == nil })
	token, err := auth.Mint(authtest.Secret, "alice", "member", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ws, _, err := websocket.Dial(t.Context(), web.URL,
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	eventstest.Wait(t, "the connection", func() bool { return len(g.hub.connections()) == 1 })
	return g, g.hub.connections()[0], ws
}

// While a history is read nobody reads the answers to pings. That must not disconnect
// the client.
func TestUnansweredPingIsForgivenWhileAHistoryIsRead(t *testing.T) {
	srv := eventstest.Start(t)
	job := eventstest.Upload(t, events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil),
		events.User{ID: "alice"}, events.Artifact{}, events.Options{})
	g, c, ws := startPinging(t, srv)
	first := make(chan error, 1)
	go func() {
		_, _, err := ws.Read(t.Context()) // answers pings meanwhile
		first <- err
	}()
	g.histories.readers <- struct{}{} // somebody else's long history
	if err := ws.Write(t.Context(), websocket.MessageText,
		[]byte(`{"event":"subscribe_bulk_upload_job","data":{"job_id":"`+job.ID+`"}}`)); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "the subscription to begin", func() bool { return c.turns.Load()%2 == 1 })
	late := time.Now().Add(2 * g.cfg.WriteTimeout)
	eventstest.Wait(t, "a ping to go unanswered", func() bool { return time.Now().After(late) })
	<-g.histories.readers
	if err := <-first; err != nil {
		t.Fatalf("a client that waited for a history was closed: %v", err)
	}
}

func TestClientThatAnswersNoPingIsClosed(t *testing.T) {
	_, c, ws := startPinging(t, eventstest.Start(t))
	// The client's library answers pings only while something reads.
	select {
	case <-c.ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the connection is still open")
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != refusal.ClosePingTimeout {
		t.Fatalf("closed with %v", err)
	}
}
