package persistence

import (
	"context"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	personlist "rollcall.example/events/person"
	"rollcall.example/events/records"
)

// Somebody objects after their row has passed validation. The row is not written, and
// nothing is recorded of it but that.
func TestWhoObjectsWhileTheJobRunsIsNotWritten(t *testing.T) {
	w := newFixture(t)
	srv := eventstest.Start(t)
	key, err := personlist.NewKey(personlist.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	w.Service.objections = func(ctx context.Context) (*personlist.Objections, error) {
		return personlist.LoadObjections(ctx, eventstest.Connect(t, srv, "persistence"), key)
	}
	list := []person{newPerson(1, records.Verdict{Status: records.Unverified}),
		newPerson(2, records.Verdict{Status: records.Unverified})}
	write := func(n int) ([]records.Outcome, events.DatabaseStats) {
		t.Helper()
		got, stats, err := w.writeJob(t.Context(), newJob(n, events.Options{}), list[:n]...)
		if err != nil {
			t.Fatal(err)
		}
		return got, stats
	}
	hash := key.Hash(idNumber(1))
	writer := eventstest.Connect(t, srv, "privacy")
	if err := personlist.Object(t.Context(), writer, hash, "case-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	got, stats := write(2)
	if len(got) != 2 || got[0].Result != records.Objected || got[1].Result != records.Inserted || stats.Objected != 1 ||
		stats.Inserts != 1 || stats.Total != 2 {
		t.Errorf("%+v, %+v", got, stats)
	}
	var members, named int
	if err := w.db.Get(&members, `SELECT count(*) FROM members`); err != nil {
		t.Fatal(err)
	}
	if err := w.db.Get(&named, `SELECT count(*) FROM job_outcomes WHERE id_number = $1`, idNumber(1)); err != nil {
		t.Fatal(err)
	}
	if members != 1 || named != 0 {
		t.Errorf("%d members, %d outcomes name the person", members, named)
	}
	if got, stats := write(1); len(got) != 1 || stats.Objected != 1 {
		t.Errorf("nobody but the person: %+v, %+v", got, stats)
	}
	if err := personlist.Lift(t.Context(), writer, hash); err != nil {
		t.Fatal(err)
	}
	if _, stats := write(1); stats.Inserts != 1 {
		t.Errorf("after the objection was lifted: %+v", stats)
	}
}
