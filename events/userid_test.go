package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// A user whose id is an ID number does not bring it into any message of the job.
func TestNoFactNamesItsOwnersIDNumber(t *testing.T) {
	const id = "8001015009087"
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "upload")
	log := events.NewLog(js, events.StageUpload, nil)
	job := eventstest.Upload(t, log, events.User{ID: id, Role: "member"}, events.Artifact{}, events.Options{})
	eventstest.Append(t, log, &job, &events.Cancelled{Stage: events.StageValidation, By: job.Owner})
	if job.Owner.ID != events.UserID(id) {
		t.Errorf("the owner is %q", job.Owner.ID)
	}
	read := 0
	for m, err := range events.Messages(t.Context(), js, events.StreamFacts, events.JobFilter(job.ID), 1) {
		if err != nil {
			t.Fatal(err)
		}
		read++
		if text := fmt.Sprint(m.Subject, m.Header, string(m.Data)); events.HasID(text) {
			t.Error(text)
		}
	}
	if read != 2 {
		t.Errorf("%d messages", read)
	}
}

// Facts that were stored when ids were as in the token are still those of their owner.
func TestDecodeGivesOldFactsTheNewID(t *testing.T) {
	const id = "8001015009087"
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "upload")
	log := events.NewLog(js, events.StageUpload, nil)
	job := eventstest.Upload(t, log, events.User{ID: id, Role: "member"}, events.Artifact{}, events.Options{})
	stream, err := js.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetMsg(t.Context(), job.FirstSeq)
	if err != nil {
		t.Fatal(err)
	}
	m.Header.Set(events.HeaderOwner, id)
	body := bytes.ReplaceAll(m.Data, []byte(events.UserID(id)), []byte(id))
	if !json.Valid(body) || bytes.Equal(body, m.Data) {
		t.Fatalf("%s", body)
	}
	e, err := events.Decode(m.Subject, m.Header, body, m.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	if up := e.Fact.(*events.Uploaded); e.Owner != events.UserID(id) || up.Owner.ID != e.Owner {
		t.Errorf("owner %q, %q", e.Owner, up.Owner.ID)
	}
}
