package gateway

import (
	"encoding/json"
	"log/slog"
	"testing"

	"rollcall.example/gateway/frames"
)

// What a client sends as a frame is a request, whose id may come back as it is,
// or is answered with an error; either is JSON.
func FuzzFrame(f *testing.F) {
	for _, text := range []string{`{"event":"ping","id":1}`, `{"event":"subscribe_bulk_upload_job","data":{"job_id":"job-1","after":3},"id":"x"}`,
		`{"event":"authenticate","data":{"token":"x"}}`, `{"id":{"a":[]}}`, `[]`, `null`, `{"event":1}`, `{`, "{\"event\":\"\xff\"}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		g := &Gateway{cfg: Config{Queue: 8, Logger: slog.New(slog.DiscardHandler)}}
		c := &conn{g: g, talk: plain{}}
		c.q = newQueue(g.cfg.Queue, plainJSON, &g.sums, func() {})
		in, ok := plain{}.hear(c, text)
		if !ok {
			if said, more := c.q.take(); !more || !json.Valid(said) {
				t.Errorf("%q is answered %q", text, said)
			}
			return
		}
		if len(in.ID) > 100 || in.ID != nil && !json.Valid(in.ID) || in.Data != nil && !json.Valid(in.Data) {
			t.Errorf("%q: %+v", text, in)
		}
		answer, err := plain{}.answer(frames.EventPong, struct{}{}, in.ID)
		if err != nil || !json.Valid(answer) {
			t.Errorf("%q is answered %q, %v", text, answer, err)
		}
	})
}
