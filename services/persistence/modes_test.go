package persistence

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

func resultsOf(list []records.Outcome) (results []string) {
	for _, o := range list {
		results = append(results, o.Result)
	}
	return results
}

// readUndo runs an undo and returns its outcomes.
func (w *fixture) readUndo(t *testing.T, undo *events.Job, undone events.Area) (got []records.Outcome) {
	t.Helper()
	err := w.undoJob(t.Context(), undo, undone, func(int, string) {}, func(tx *sqlx.Tx, _ bool) error {
		_, err := outcomeReader{jobID: undo.ID}.each(t.Context(), tx,
			func(o *records.Outcome) error { got = append(got, *o); return nil })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAJobThatOnlyAddsTouchesNoMember(t *testing.T) {
	for _, dry := range []bool{false, true} {
		w := newFixture(t)
		w.upload(newPerson(1, unverified, "firstname", "A"), newPerson(3, unverified))
		before := w.dumpMembers()
		job := newJob(3, events.Options{Mode: events.ModeCreate, DryRun: dry})
		got, stats, err := w.writeJob(t.Context(), job, newPerson(1, registered("79800001", "32840123"), "firstname", "B"),
			newPerson(2, unverified, "firstname", "New"), newPerson(3, unverified))
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{records.Known, records.Inserted, records.Known}; !slices.Equal(resultsOf(got), want) {
			t.Errorf("%v, want %v", resultsOf(got), want)
		}
		if want := (events.DatabaseStats{Total: 3, Inserts: 1, Known: 2}); stats != want {
			t.Errorf("%+v, want %+v", stats, want)
		}
		w.expectMember(1, map[string]string{"firstname": "A", "iec_status": "unverified"})
		if dry && w.dumpMembers() != before {
			t.Error("a dry run has written")
		}
		if !dry {
			w.expectMember(2, map[string]string{"firstname": "New", "created_by_job": job.ID})
		}
	}
}

func TestAJobThatOnlyChangesAddsNobody(t *testing.T) {
	for _, dry := range []bool{false, true} {
		w := newFixture(t)
		w.upload(newPerson(1, unverified, "firstname", "A"), newPerson(3, unverified))
		before := w.dumpMembers()
		got, stats, err := w.writeJob(t.Context(), newJob(4, events.Options{Mode: events.ModeUpdate, DryRun: dry}),
			newPerson(1, unverified, "firstname", "B"), newPerson(2, unverified, "firstname", "New"), newPerson(3, unverified),
			newPerson(4, unverified, "age", "no number"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{records.Updated, records.Unknown, records.Unchanged, records.Unknown}
		if !slices.Equal(resultsOf(got), want) {
			t.Errorf("%v, want %v", resultsOf(got), want)
		}
		if want := (events.DatabaseStats{Total: 4, Updates: 1, Unchanged: 1, Unknown: 2}); stats != want {
			t.Errorf("%+v, want %+v", stats, want)
		}
		if n := w.countRows("members"); n != 2 {
			t.Errorf("%d members", n)
		}
		if dry != (w.dumpMembers() == before) {
			t.Errorf("dry run %v: members are what they were: %v", dry, !dry)
		}
	}
}

// A row that the database refuses does not take those beside it with it, in any mode.
func TestARefusedRowInAJobThatOnlyChanges(t *testing.T) {
	w := newFixture(t)
	w.upload(newPerson(1, unverified), newPerson(2, unverified))
	got, _, err := w.writeJob(t.Context(), newJob(3, events.Options{Mode: events.ModeUpdate}),
		newPerson(1, unverified, "firstname", "B"), newPerson(2, unverified, "age", "999"), newPerson(3, unverified))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{records.Updated, records.Refused, records.Unknown}
	if !slices.Equal(resultsOf(got), want) {
		t.Errorf("%v, want %v", resultsOf(got), want)
	}
}

// Whoever only adds people does not learn who is a member elsewhere: the row waits. To
// whoever only changes them, a member elsewhere looks like somebody who is none.
func TestModesTellNothingOfMembersOutside(t *testing.T) {
	for mode, want := range map[events.Mode][3]string{
		events.ModeCreate: {records.Known, records.Transfer, records.Inserted},
		events.ModeUpdate: {records.Updated, records.Unknown, records.Unknown},
	} {
		w := newFixture(t)
		here := registered("79800001", "32840123")
		w.upload(newPerson(1, here, "ward", "79800001", "firstname", "Inside"),
			newPerson(2, here, "ward", "19100001", "firstname", "Outside"))
		job := jobOf(wardOne, 3, events.Options{Mode: mode})
		got, _, err := w.writeJob(t.Context(), job, newPerson(1, here, "ward", "79800001", "firstname", "New"),
			newPerson(2, here, "ward", "79800001", "firstname", "New"),
			newPerson(3, here, "ward", "79800001", "firstname", "New"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(resultsOf(got), want[:]) {
			t.Errorf("%s: %v, want %v", mode, resultsOf(got), want)
		}
		w.expectMember(2, map[string]string{"firstname": "Outside"})
		if mode != events.ModeUpdate {
			continue
		}
		for _, o := range got[1:] {
			bare := records.Outcome{N: o.N, Result: records.Unknown}
			if text, err := json.Marshal(o); err != nil || string(text) != string(mustJSON(t, bare)) {
				t.Errorf("%s", text)
			}
			if !records.Withholds(job, o.Result) {
				t.Error("the IEC's answer about somebody unknown is shown")
			}
		}
		// Nor does an undo tell them apart, and it puts the others back.
		undo := &events.Job{ID: events.UndoJobID(job.ID), Options: events.Options{Undoes: job.ID},
			Uploaded: &events.Uploaded{Area: &wardOne}, Validated: job.Validated}
		undone := w.readUndo(t, undo, wardOne)
		if results := resultsOf(undone); !slices.Equal(results, want[:]) {
			t.Errorf("undo: %v", results)
		}
		for _, o := range undone[1:] {
			if text := mustJSON(t, o); string(text) != string(mustJSON(t, records.Outcome{N: o.N, Result: records.Unknown})) {
				t.Errorf("undo: %s", text)
			}
		}
		w.expectMember(1, map[string]string{"firstname": "Inside"})
	}
}

// The marker empties a field of a member, and an undo fills it again.
func TestFieldsAreCleared(t *testing.T) {
	w := newFixture(t)
	stored := map[string]string{"firstname": "A", "email": "a@example.org", "age": "44", "ward_code": "79800001",
		"last_payment": "2025-01-31", "membership_amount": "10.00", "occupation": "Nurse"}
	w.upload(newPerson(1, unverified, "firstname", "A", "email", "a@example.org", "age", "44", "ward", "79800001",
		"last_payment", "2025-01-31", "membership_amount", "10.00", "occupation", "Nurse"))
	before := w.dumpMembers()
	list := func() []person {
		known, stranger := newPerson(1, unverified, "occupation", "Teacher"), newPerson(2, unverified)
		known.row.Clear = []string{"email", "age", "ward", "last_payment", "membership_amount", "gender"}
		stranger.row.Clear = []string{"email"}
		return []person{known, stranger}
	}
	job := newJob(2, events.Options{AllowClear: true})
	got, stats, err := w.writeJob(t.Context(), job, list()...)
	if err != nil {
		t.Fatal(err)
	}
	if want := (events.DatabaseStats{Total: 2, Inserts: 1, Updates: 1, Cleared: 1}); stats != want {
		t.Errorf("%+v, want %+v", stats, want)
	}
	cleared := []string{"email", "age", "ward_code", "last_payment", "membership_amount"}
	if o := got[0]; !slices.Equal(slices.Sorted(slices.Values(o.Cleared)), slices.Sorted(slices.Values(cleared))) ||
		!slices.Contains(o.Changed, "occupation") || len(o.Changed) != len(cleared)+1 {
		t.Errorf("%+v", o)
	}
	w.expectMember(1, map[string]string{"firstname": "A", "email": "", "age": "", "ward_code": "", "last_payment": "",
		"membership_amount": "", "occupation": "Teacher"})

	// Once more changes nothing, and neither does a job that may not clear.
	again, _, err := w.writeJob(t.Context(), newJob(2, events.Options{AllowClear: true}), list()...)
	if err != nil || again[0].Result != records.Unchanged {
		t.Errorf("%+v, %v", again, err)
	}
	undo := &events.Job{ID: events.UndoJobID(job.ID), Options: events.Options{Undoes: job.ID},
		Uploaded: &events.Uploaded{}, Validated: job.Validated}
	w.readUndo(t, undo, events.Country())
	w.expectMember(1, stored)
	if w.dumpMembers() != before {
		t.Error("the undo has not put all back")
	}
	if _, _, err := w.writeJob(t.Context(), newJob(2, events.Options{}), list()...); err != nil {
		t.Fatal(err)
	}
	w.expectMember(1, map[string]string{"email": "a@example.org", "ward_code": "79800001"})
}

// A region that is to be empty is not looked up.
func TestAClearedRegionIsNotFilledIn(t *testing.T) {
	w := newFixture(t)
	w.mapWards("79800001", "Region A")
	w.upload(newPerson(1, unverified, "ward", "79800001"))
	w.expectMember(1, map[string]string{"region": "Region A"})
	p := newPerson(1, unverified)
	p.row.Clear = []string{"region"}
	if _, _, err := w.writeJob(t.Context(), newJob(1, events.Options{AllowClear: true}), p); err != nil {
		t.Fatal(err)
	}
	w.expectMember(1, map[string]string{"region": "", "ward_code": "79800001"})
}
