package gateway

import (
	"encoding/json"
	"strconv"
	"testing"

	"rollcall.example/gateway/frames"
)

// What a client sends becomes part of an answer: the id as it is, the argument decoded.
func FuzzParseEvent(f *testing.F) {
	for _, text := range []string{`["ping"]`, `17["ping"]`, `/,1["subscribe_bulk_upload_job","job-1"]`,
		`["subscribe_bulk_upload_job",{"job_id":"job-1","after":3}]`, `["authenticate","x"]`, `[]`, `[1]`, `{}`,
		`-1["x"]`, `["x",null]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		in, err := parseEvent(text)
		if err != nil {
			return
		}
		if _, err := strconv.ParseUint(string(in.ID), 10, 63); in.ID != nil && err != nil {
			t.Errorf("%q: id %q", text, in.ID)
		}
		if in.Data != nil && !json.Valid(in.Data) {
			t.Errorf("%q: data %q", text, in.Data)
		}
		// An id with leading zeros is no JSON, and must come back as it is.
		answer, err := (*socketIODialect)(nil).encodeReply(frames.EventPong, struct{}{}, in.ID)
		if err != nil || len(answer) == 0 {
			t.Errorf("%q: answer %q, %v", text, answer, err)
		}
	})
}
