package gateway_test

import (
	"testing"
	"time"

	"rollcall.example/events/refusal"
)

// A cursor beyond the stream's end is of a stream that is no more. Taken for
// good it would silence the facts up to it.
func TestACursorOfAnotherStreamIsToldToStartOver(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	s := dial(t, r.url, mint(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, job.Seq+100)
	if code := s.closed(); code != refusal.CloseStreamReset {
		t.Fatalf("closed with %d", code)
	}
	// A foreign job does not show by how such a cursor is answered.
	s = dial(t, r.url, mint(t, "bob", "member", time.Hour))
	s.subscribe(job.ID, job.Seq+100)
	if f := s.want("error"); f.Data["code"] != "not_found" {
		t.Fatalf("%s", f.raw)
	}
}

// A client that follows several jobs may keep one cursor for all of them.
func TestACursorOfAnotherJobIsGood(t *testing.T) {
	r := newRig(t)
	job, other := r.upload("alice"), r.upload("bob")
	s := dial(t, r.url, mint(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, other.Seq)
	s.want("ack")
	r.step(&job)
	if f := s.want("bulk_upload_progress"); f.Seq != job.Seq {
		t.Fatalf("%s", f.raw)
	}
}
