package cases_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
)

const id = "8001015009087"

var (
	officer = events.User{ID: "olga", Role: "information_officer"}
	other   = events.User{ID: "oscar", Role: "information_officer"}
)

type rig struct {
	srv   *embedded.Server
	log   *cases.Log // as upload
	store *events.Store
	key   *person.Key
}

func newRig(t *testing.T) *rig {
	t.Helper()
	srv := eventstest.Start(t)
	key, err := person.NewKey(person.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	js := eventstest.Connect(t, srv, "upload")
	return &rig{srv, cases.NewLog(js, "upload", nil), events.NewStore(js), key}
}

func (r *rig) open(t *testing.T, fourEyes bool) cases.Case {
	t.Helper()
	c, err := r.log.Open(t.Context(), r.store, r.key, cases.Request{
		What: cases.Erase, ID: id, By: officer, From: "host", Reason: "She asked, " + id, FourEyes: fourEyes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNoFactHasTheIDNumber(t *testing.T) {
	r := newRig(t)
	c := r.open(t, false)
	js := eventstest.Connect(t, r.srv, eventstest.Owner)
	for _, stream := range []string{events.StreamCases, "OBJ_" + events.BucketCases} {
		s, err := js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(m.Subject+string(m.Data), id) {
				t.Errorf("%s has the ID number: %s", stream, m.Data)
			}
		}
	}
	got, err := c.Number(t.Context(), r.store, r.key)
	if err != nil || got != id {
		t.Errorf("%s, %v", got, err)
	}
	_, err = r.log.Open(t.Context(), r.store, r.key, cases.Request{ID: "800101500908"})
	if !errors.Is(err, cases.ErrNoID) {
		t.Errorf("12 digits: %v", err)
	}
	spelled, err := r.log.Open(t.Context(), r.store, r.key, cases.Request{
		What: cases.Erase, By: c.Requested.By, From: "cli", ID: " '" + id[:6] + "\u00a0" + id[6:] + ".0",
	})
	if err != nil || spelled.Requested.Person != c.Requested.Person {
		t.Errorf("another spelling: %v, %+v", err, spelled.Requested)
	}
	if got, err := spelled.Number(t.Context(), r.store, r.key); err != nil || got != id {
		t.Errorf("another spelling is %s, %v", got, err)
	}
	wrong, err := person.NewKey(person.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Number(t.Context(), r.store, wrong); !errors.Is(err, person.ErrSealed) {
		t.Errorf("another key: %v", err)
	}
}

func TestAnotherPersonApproves(t *testing.T) {
	r := newRig(t)
	c := r.open(t, true)
	if c.Status != cases.Awaiting {
		t.Fatalf("%+v", c)
	}
	own := c
	if err := r.log.Append(t.Context(), &own, c.ID, &cases.Approved{By: officer}); !errors.Is(err, cases.ErrOwnCase) ||
		!errors.Is(err, events.ErrNotAllowed) {
		t.Errorf("approved by whoever asked: %v", err)
	}
	if err := r.log.Append(t.Context(), &own, c.ID, &cases.Completed{}); !errors.Is(err, events.ErrNotAllowed) {
		t.Errorf("done before it was approved: %v", err)
	}
	late := c
	if err := r.log.Append(t.Context(), &c, c.ID, &cases.Approved{By: other}); err != nil || c.Status != cases.Open {
		t.Errorf("%v, %+v", err, c)
	}
	if err := r.log.Append(t.Context(), &late, c.ID, &cases.Declined{By: other}); !errors.Is(err, events.ErrConflict) {
		t.Errorf("declined at the same time: %v", err)
	}
	loaded, err := r.log.Load(t.Context(), c.ID)
	if err != nil || loaded.Status != cases.Open || loaded.Seq != c.Seq || loaded.Approved.By != other ||
		loaded.Requested.Reason != "She asked, [erased]" {
		t.Errorf("%+v, %v", loaded, err)
	}
}

// What somebody writes past the log changes nothing, as little as facts that come too
// late.
func TestForgedFactsAreNotBelieved(t *testing.T) {
	r := newRig(t)
	c := r.open(t, true)
	js := r.log.JetStream()
	for _, m := range []*nats.Msg{
		{Data: []byte(`{}`)},
		{Data: []byte(`{"case_id":"` + c.ID + `","type":"approved","by":{"id":"x","role":""},"from":"","reason":""}`)},
		{Header: nats.Header{events.HeaderSubject: {c.ID}, events.HeaderType: {"rollcall.case.approved"}},
			Data: []byte(`{"case_id":"` + c.ID + `","type":"approved","at":"2026-01-01T00:00:00Z",` +
				`"by":{"id":"olga","role":""},"from":"","reason":""}`)}, // her own
	} {
		m.Subject = cases.Subject(c.ID, cases.KindApproved)
		if _, err := js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	now, err := r.log.Load(t.Context(), c.ID)
	if err != nil || now.Status != cases.Awaiting {
		t.Errorf("%+v, %v", now, err)
	}
	for _, id := range []string{"", "case-1", "case-*", cases.NewID()} {
		if _, err := r.log.Load(t.Context(), id); !errors.Is(err, cases.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	n := 0
	for c, err := range r.log.All(t.Context()) {
		if err != nil || c.Status != cases.Awaiting {
			t.Errorf("%+v, %v", c, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d cases", n)
	}
}
