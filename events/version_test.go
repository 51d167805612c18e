package events_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// stored is the message of a job's newest fact.
func stored(t *testing.T, srv *embedded.Server, job events.Job) *jetstream.RawStreamMsg {
	t.Helper()
	s, err := eventstest.Connect(t, srv, "provisioner").Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), job.Seq)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFactsCarryAVersionAndTheOldestHaveNone(t *testing.T) {
	srv := eventstest.Start(t)
	m := stored(t, srv, upload(t, srv))
	if got := m.Header.Get(events.HeaderDataVersion); got != strconv.Itoa(events.DataVersion) {
		t.Errorf("version %q", got)
	}
	old := maps.Clone(m.Header)
	old.Del(events.HeaderDataVersion)
	if _, err := events.Decode(m.Subject, old, m.Data, m.Sequence); err != nil {
		t.Errorf("a fact without a version: %v", err)
	}
}

// newer stores a fact of a later version of data: the upload of a job of its own.
func newer(t *testing.T, srv *embedded.Server) (jobID string) {
	t.Helper()
	m := stored(t, srv, upload(t, srv))
	jobID = events.NewJobID()
	header := nats.Header(maps.Clone(m.Header))
	for name := range header {
		if strings.HasPrefix(name, "Nats-") {
			header.Del(name)
		}
	}
	header.Set(events.HeaderSubject, jobID)
	header.Set(events.HeaderDataVersion, strconv.Itoa(events.DataVersion+1))
	msg := &nats.Msg{Subject: events.Subject(jobID, events.KindUploaded), Header: header, Data: []byte(`{"of":"a shape to come"}`)}
	if _, err := eventstest.Connect(t, srv, "upload").PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	return jobID
}

func TestAJobOfANewerVersionIsNotGuessedAt(t *testing.T) {
	srv := eventstest.Start(t)
	jobID := newer(t, srv)
	if job, err := logAs(t, srv, events.StageValidation).Load(t.Context(), jobID); !errors.Is(err, events.ErrNewer) {
		t.Errorf("loaded %+v, %v", job, err)
	}
}

func TestAMessageOfANewerVersionIsHandedBack(t *testing.T) {
	srv := eventstest.Start(t)
	unknown := newer(t, srv)
	s := runStage(t, srv, events.StageValidation, func(ctx context.Context, w *events.Work) (events.Fact, error) {
		if w.Job.ID == unknown {
			t.Error("worked on what it does not know")
		}
		return validated(ctx, w)
	})
	// Facts come in order: when this one is through, the other has been taken.
	waitFor(t, srv, upload(t, srv).ID, events.KindValidated)
	s.stop()
	c, err := eventstest.Connect(t, srv, "operator").Consumer(t.Context(), events.StreamFacts, string(events.StageValidation))
	if err != nil {
		t.Fatal(err)
	}
	if n := c.CachedInfo().NumAckPending; n != 1 {
		t.Errorf("%d messages wait for somebody who knows them, want 1", n)
	}
}
