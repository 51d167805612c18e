package gateway_test

import (
	"testing"
	"time"

	"rollcall.example/events/refusal"
)

// A sequence beyond the stream's end is of a stream that no longer exists. If it were
// accepted, the client would not get the facts up to it.
func TestSequenceOfAnotherStreamResetsTheClient(t *testing.T) {
	r := newRig(t)
	job := r.upload("alice")
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, job.Seq+100)
	if code := s.closeCode(); code != refusal.CloseStreamReset {
		t.Fatalf("closed with %d", code)
	}
	// The answer to such a sequence does not give a foreign job away.
	s = dial(t, r.url, mintToken(t, "bob", "member", time.Hour))
	s.subscribe(job.ID, job.Seq+100)
	if f := s.want("error"); f.Data["code"] != "not_found" {
		t.Fatalf("%s", f.raw)
	}
}

// A client that follows several jobs may keep one last sequence for all of them.
func TestSequenceOfAnotherJobIsAccepted(t *testing.T) {
	r := newRig(t)
	job, other := r.upload("alice"), r.upload("bob")
	s := dial(t, r.url, mintToken(t, "alice", "member", time.Hour))
	s.subscribe(job.ID, other.Seq)
	s.want("ack")
	r.step(&job)
	if f := s.want("bulk_upload_progress"); f.Seq != job.Seq {
		t.Fatalf("%s", f.raw)
	}
}
