package persistence

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

var wardOne = events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}

// jobOf returns a job of an area.
func jobOf(area events.Area, rows int, opts events.Options) *events.Job {
	job := newJob(rows, opts)
	job.Uploaded.Area = &area
	return job
}

// A member outside is not read, not changed, and nothing of them is in the outcome.
func TestMembersOutsideOfTheAreaWait(t *testing.T) {
	for _, dry := range []bool{false, true} {
		w := newFixture(t)
		here, there := registered("79800001", "32840123"), registered("19100001", "97090001")
		w.upload(
			newPerson(1, here, "ward", "79800001", "firstname", "Inside"),
			newPerson(2, there, "ward", "19100001", "firstname", "Secretname", "residential_address", "1 Hidden Road"),
			newPerson(3, here, "firstname", "By the IEC"),
			newPerson(4, there, "firstname", "Elsewhere by the IEC"),
			newPerson(5, here, "municipality", "JHB", "firstname", "Without a ward"),
			newPerson(6, unverified, "firstname", "Nowhere"))
		before := w.dumpMembers()
		job := jobOf(wardOne, 7, events.Options{DryRun: dry})
		var list []person
		for i := 1; i <= 7; i++ {
			list = append(list, newPerson(i, here, "ward", "79800001", "firstname", "New"))
		}
		got, stats, err := w.writeJob(t.Context(), job, list...)
		if err != nil {
			t.Fatal(err)
		}
		if want := (events.DatabaseStats{Total: 7, Inserts: 1, Updates: 2, Transfers: 4}); stats != want {
			t.Errorf("stats %+v, want %+v", stats, want)
		}
		for _, o := range got {
			if waits := slices.Contains([]int{3, 5, 6, 7}, o.N); waits != (o.Result == records.Transfer) {
				t.Errorf("row %d: %+v", o.N, o)
			} else if text, err := json.Marshal(o); waits && (err != nil || string(text) != string(mustJSON(t,
				records.Outcome{N: o.N, Result: records.Transfer}))) {
				t.Errorf("a row that waits says %s", text)
			}
		}
		if dry && w.dumpMembers() != before {
			t.Error("a dry run has written")
		}
		w.expectMember(2, map[string]string{"firstname": "Secretname", "ward_code": "19100001"})
		if dry {
			continue
		}
		var kept string
		if err := w.db.Get(&kept, `SELECT string_agg(o::text, ' ') FROM job_outcomes o
WHERE job_id = $1 AND result = 'transfer'`, job.ID); err != nil || strings.Contains(kept, "Secret") ||
			strings.Contains(kept, "19100001") || strings.Contains(kept, "97090001") {
			t.Errorf("stored outcomes %s, %v", kept, err)
		}
		// Whoever covers both writes the same rows.
		if _, stats, err := w.writeJob(t.Context(), newJob(7, events.Options{}), list...); err != nil ||
			stats.Transfers != 0 || stats.Updates != 4 || stats.Unchanged != 3 {
			t.Errorf("%+v, %v", stats, err)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A member whom another job moves, or inserts elsewhere, while this one waits for its
// lock is outside.
func TestAMemberWhoIsMovedInBetweenWaits(t *testing.T) {
	w := newFixture(t)
	w.upload(newPerson(1, unverified, "ward", "79800001"))
	locked, goOn := make(chan struct{}), make(chan struct{})
	var movers sync.WaitGroup
	movers.Go(func() {
		moved := []person{newPerson(1, unverified, "ward", "19100001", "firstname", "Moved"),
			newPerson(2, unverified, "ward", "19100001", "firstname", "Inserted")}
		job := newJob(2, events.Options{})
		err := w.mergePeople(t.Context(), job, numberRows(moved), func(int, string) {}, func(*sqlx.Tx, bool) error {
			close(locked)
			<-goOn
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-locked
	job := jobOf(wardOne, 2, events.Options{})
	done := make(chan events.DatabaseStats, 1)
	movers.Go(func() {
		_, stats, err := w.writeJob(t.Context(), job, newPerson(1, unverified, "ward", "79800001", "firstname", "Mine"),
			newPerson(2, unverified, "ward", "79800001", "firstname", "Mine"))
		if err != nil {
			t.Error(err)
		}
		done <- stats
	})
	w.waitForLock(t)
	close(goOn)
	if stats := <-done; stats.Transfers != 2 {
		t.Errorf("stats %+v", stats)
	}
	movers.Wait()
	w.expectMember(1, map[string]string{"firstname": "Moved", "ward_code": "19100001"})
	w.expectMember(2, map[string]string{"firstname": "Inserted"})
}

// waitForLock waits until a statement waits for the lock of another transaction.
func (w *fixture) waitForLock(t *testing.T) {
	t.Helper()
	eventstest.WaitFor(t, time.Minute, "a statement to wait for a lock", func() bool {
		var n int
		return w.db.Get(&n, `SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'`) == nil && n > 0
	})
}

// An undo shows nothing of members outside either: neither of those whose rows
// waited, nor of those who were moved since.
func TestAnUndoShowsNothingOfMembersOutside(t *testing.T) {
	w := newFixture(t)
	w.upload(newPerson(1, registered("19100001", "97090001"), "ward", "19100001"))
	job := jobOf(wardOne, 3, events.Options{})
	mine := func(i int) person { return newPerson(i, unverified, "ward", "79800001") }
	if _, _, err := w.writeJob(t.Context(), job, mine(1), mine(2), mine(3)); err != nil {
		t.Fatal(err)
	}
	w.upload(newPerson(2, registered("19100001", "97090002"), "ward", "19100001"))
	before := w.member(2)
	undo := &events.Job{ID: events.UndoJobID(job.ID), Options: events.Options{Undoes: job.ID},
		Uploaded: &events.Uploaded{}}
	var got []records.Outcome
	err := w.undoJob(t.Context(), undo, wardOne, func(int, string) {}, func(tx *sqlx.Tx, _ bool) error {
		_, err := outcomeReader{jobID: undo.ID}.each(t.Context(), tx,
			func(o *records.Outcome) error { got = append(got, *o); return nil })
		return err
	})
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []string{records.Transfer, records.Transfer, records.Removed} {
		if got[i].Result != want || want == records.Transfer && string(mustJSON(t, got[i])) != string(mustJSON(t,
			records.Outcome{N: i + 2, Result: want})) {
			t.Errorf("row %d: %+v, want %s", i+2, got[i], want)
		}
	}
	w.expectMember(2, before)
}
