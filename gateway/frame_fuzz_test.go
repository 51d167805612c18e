package gateway

import (
	"encoding/json"
	"log/slog"
	"testing"

	"rollcall.example/gateway/engineio"
	"rollcall.example/gateway/frames"
)

// A client's frame is a request, whose id comes back as it is, or it is answered with an
// error. Either answer is JSON.
func FuzzFrame(f *testing.F) {
	for _, text := range []string{`{"event":"ping","id":1}`,
		`{"event":"subscribe_bulk_upload_job","data":{"job_id":"job-1","after":3},"id":"x"}`,
		`{"event":"authenticate","data":{"token":"x"}}`, `{"id":{"a":[]}}`, `[]`, `null`, `{"event":1}`, `{`,
		"{\"event\":\"\xff\"}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		g := &Gateway{cfg: Config{Queue: 8, Logger: slog.New(slog.DiscardHandler)}}
		c := &conn{g: g, dialect: plainDialect{}}
		c.queue = newQueue(g.cfg.Queue, plainJSON, &g.counters, func() {})
		in, ok := plainDialect{}.receive(c, engineio.Packet{Data: text})
		if !ok {
			if said, more := c.queue.next(); !more || !json.Valid(said.text) {
				t.Errorf("%q is answered %q", text, said.text)
			}
			return
		}
		if len(in.ID) > 100 || in.ID != nil && !json.Valid(in.ID) || in.Data != nil && !json.Valid(in.Data) {
			t.Errorf("%q: %+v", text, in)
		}
		answer, err := plainDialect{}.encodeReply(frames.EventPong, struct{}{}, in.ID)
		if err != nil || !json.Valid(answer) {
			t.Errorf("%q is answered %q, %v", text, answer, err)
		}
	})
}
