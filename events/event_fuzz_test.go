package events

import (
	"encoding/json"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// personal matches what looks like an ID number.
var personal = regexp.MustCompile(`[0-9]{13}`)

// FuzzDecode decodes any message. The result is ErrUntrusted, or an event of
// the job and kind that the subject names. The event can be folded. No error
// quotes the message.
func FuzzDecode(f *testing.F) {
	const job = "job-019a0b3c-5f1e-7c3a-9d55-0242ac120002"
	for i, kind := range append(Kinds, KindProgress, "odd") {
		body, err := json.Marshal(map[string]any{
			"job_id": job, "type": kind, "at": "2026-03-01T08:00:00Z", "cause_seq": i,
			"owner": User{ID: "alice", Role: "member"},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(kind), "alice", uint64(i), body)
	}
	f.Add("8001015009087", "alice", uint64(0), []byte(`{}`))
	f.Add("\x1900000000000.", "alice", uint64(0), []byte(`{}`))
	f.Add("uploaded", "%zz", uint64(0), []byte(`{"at":"8001015009087"}`))
	f.Add("reported", "a", uint64(7), []byte(`{"processing_duration_ms":8001015009087.5}`))
	f.Fuzz(func(t *testing.T, kind, owner string, cause uint64, body []byte) {
		subject := "bulk." + job + "." + kind
		h := nats.Header{}
		setHeaders(h, MsgID(job, Kind(kind), cause), job, "", Kind(kind), StageUpload, time.Time{})
		h.Set(HeaderOwner, owner)
		h.Set(HeaderMsgID, MsgID(job, Kind(kind), cause))
		e, err := Decode(subject, h, body, 1)
		_, _, perr := DecodeProgress(subject, h, body)
		for _, err := range []error{err, perr} {
			if err != nil && !errors.Is(err, ErrUntrusted) {
				t.Errorf("decode: %v", err)
			}
			if err != nil && personal.MatchString(err.Error()) {
				t.Errorf("error quotes the message: %v", err)
			}
		}
		if err != nil {
			return
		}
		if e.JobID != job || string(e.Kind) != kind || e.Owner == "" || e.Cause != cause || e.Fact.FactKind() != e.Kind {
			t.Errorf("%s, %q: %+v", subject, body, e)
		}
		var j Job
		if err := j.Apply(e); err == nil {
			_, _, _ = j.Standing.Percent, j.Next(), j.Inputs()
			if j.ID != job {
				t.Errorf("folded into %q", j.ID)
			}
		}
	})
}
