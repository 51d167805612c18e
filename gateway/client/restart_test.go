package client_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// A gateway that ends tells each client when to come back: not as soon as the client would.
func TestWatchKeepsTheWaitOfARestart(t *testing.T) {
	const wait = 300 * time.Millisecond
	var visits atomic.Int32
	closed, back := make(chan time.Time, 1), make(chan time.Time, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		answer := frames.Ack{JobID: "j"}
		if visits.Add(1) == 2 {
			back <- time.Now()
			answer.Status = events.StatusCompleted
		}
		_, _, _ = ws.Read(r.Context()) // the subscription
		ack, err := json.Marshal(map[string]any{"event": frames.EventAck, "id": 1, "data": answer})
		if err != nil {
			t.Error(err)
		}
		if err := ws.Write(r.Context(), websocket.MessageText, ack); err != nil {
			t.Error(err)
		}
		if answer.Status == "" {
			closed <- time.Now()
		}
		_ = ws.Close(refusal.CloseRestart, refusal.CloseReason("service restart", wait)) // the client may be gone
	}))
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL, Token: "x.y.z", Backoff: quick})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Watch(t.Context(), "j", 0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if came := (<-back).Sub(<-closed); came < wait {
		t.Errorf("came back after %s, was told %s", came, wait)
	}
}
