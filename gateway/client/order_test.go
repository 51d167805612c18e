package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/gateway/client"
)

// A connection is in the room of its user before it has subscribed, so a live frame may
// come before the history. It comes again with the history.
func TestWatchIgnoresFramesBeforeTheAcknowledgement(t *testing.T) {
	id := events.NewJobID()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = ws.CloseNow() }()
		if _, _, err := ws.Read(r.Context()); err != nil {
			t.Error(err)
			return
		}
		progress := func(seq int) string {
			return fmt.Sprintf(`{"event":"bulk_upload_progress","seq":%d,"data":{"job_id":%q}}`, seq, id)
		}
		for _, text := range []string{
			progress(3),
			fmt.Sprintf(`{"event":"ack","id":1,"data":{"job_id":%q,"last_seq":3,"status":"processing"}}`, id),
			progress(1), progress(2), progress(3),
			fmt.Sprintf(`{"event":"bulk_upload_complete","seq":4,"data":{"job_id":%q}}`, id),
		} {
			if err := ws.Write(r.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Error(err)
				return
			}
		}
		_, _, _ = ws.Read(r.Context()) // until the client has closed
	}))
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL, Token: "any"})
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for f, err := range c.Watch(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Seq)
	}
	if !slices.Equal(got, []uint64{1, 2, 3, 4}) {
		t.Fatalf("got %v", got)
	}
}
