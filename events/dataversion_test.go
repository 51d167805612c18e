package events_test

import (
	"errors"
	"maps"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func TestAFactWithoutADataVersionIsDecoded(t *testing.T) {
	srv := eventstest.Start(t)
	m := eventstest.StoredMessage(t, srv, upload(t, srv))
	if got := m.Header.Get(events.HeaderDataVersion); got != "1" {
		t.Errorf("version %q", got)
	}
	old := maps.Clone(m.Header)
	old.Del(events.HeaderDataVersion)
	if _, err := events.Decode(m.Subject, old, m.Data, 1); err != nil {
		t.Errorf("a fact without a version: %v", err)
	}
}

func TestLoadRefusesAJobOfANewerVersion(t *testing.T) {
	srv := eventstest.Start(t)
	jobID := eventstest.UploadNewer(t, srv, alice)
	if job, err := logAs(t, srv, events.StageValidation).Load(t.Context(), jobID); !errors.Is(err, events.ErrNewer) {
		t.Errorf("loaded %+v, %v", job, err)
	}
}
