package gateway_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway"
)

// The stream is deleted and created again. Its sequences mean something else now, so
// every client that has kept one must start over.
func TestRecreatedStreamResetsClients(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.upload("bob")
	}
	job := r.upload("alice")
	token := mintToken(t, "alice", "member", time.Hour)
	s := dial(t, r.url, token)
	s.subscribe(job.ID, 0)
	s.want("ack")
	seen := s.want("bulk_upload_progress").Seq

	js := eventstest.Connect(t, r.nats, eventstest.Owner)
	if err := js.DeleteStream(t.Context(), events.StreamFacts); err != nil {
		t.Fatal(err)
	}
	if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	again := r.upload("alice")
	if code := s.closeCode(); code != refusal.CloseStreamReset {
		t.Fatalf("closed with %d", code)
	}
	// A client that was away meanwhile is told when it comes back.
	s = redial(t, r.url, token)
	s.subscribe(again.ID, seen)
	if code := s.closeCode(); code != refusal.CloseStreamReset {
		t.Fatalf("after coming back: closed with %d", code)
	}
	s = redial(t, r.url, token)
	s.subscribe(again.ID, 0)
	s.want("ack")
	if f := s.want("bulk_upload_progress"); f.Seq != 1 {
		t.Fatalf("%s", f.raw)
	}
	r.step(&again)
	if f := s.want("bulk_upload_progress"); f.Seq != 2 {
		t.Fatalf("%s", f.raw)
	}
}

// redial waits until the gateway is ready again.
func redial(t *testing.T, url, token string) *socket {
	t.Helper()
	eventstest.Wait(t, "the gateway", func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode != http.StatusServiceUnavailable
	})
	return dial(t, url, token)
}

func TestFreshTokenExtendsTheConnection(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	s := dial(t, r.url, mintToken(t, "alice", "member", 2*time.Second))
	s.subscribe(job.ID, job.Seq)
	s.want("ack")
	ends := time.Now().Add(2 * time.Second)
	s.send("authenticate", map[string]string{"token": mintToken(t, "alice", "member", time.Hour)}, 1)
	s.want("ack")
	eventstest.Wait(t, "the first token's end", func() bool { return time.Now().After(ends) })
	r.step(&job)
	s.want("bulk_upload_progress")
}

func TestGatewayWithoutAFeedRefusesClients(t *testing.T) {
	r := newRig(t)
	js := eventstest.Connect(t, r.nats, "gateway")
	_, url, _ := startGateway(t, r.nats, func(c *gateway.Config) { c.JetStream = js })
	js.Conn().Close()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Success bool
		Message string
		Error   struct{ Code string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || body.Success ||
		body.Error.Code != "overloaded" {
		t.Fatalf("%s: %+v", resp.Status, body)
	}
}
