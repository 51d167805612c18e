package persistence

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

// dumpMembers returns the whole table members as text.
// dumpMembers returns all of the members, but for the digest of their last row: an undo
// forgets that.
func (w *fixture) dumpMembers() string {
	w.t.Helper()
	var lines []string
	if err := w.db.Select(&lines, `SELECT (to_jsonb(m) - 'row_digest')::text FROM members m
ORDER BY id_number`); err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestUndoRestoresTheDatabase(t *testing.T) {
	w := newFixture(t)
	ward := records.Verdict{Status: records.Registered, VoterStatus: "Registered", Ward: "79800001", VD: "32840123",
		Station: "Hall", At: monday}
	w.upload(newPerson(1, ward, "firstname", "A", "ward", "79800001", "age", "40", "membership_amount", "10.00",
		"date_joined", "2020-01-02"),
		newPerson(2, unverified, "firstname", "B"), newPerson(3, unverified))
	before := w.dumpMembers()
	w.clock = noon.AddDate(0, 0, 1)
	moved := ward
	moved.Ward, moved.VD, moved.At = "79800002", "32840555", noon
	job := newJob(5, events.Options{})
	_, stats, err := w.writeJob(t.Context(), job,
		newPerson(1, moved, "firstname", "Changed", "ward", "79800001", "age", "41", "membership_amount", "20.00",
			"last_payment", "2026-01-01"),
		newPerson(2, unverified, "firstname", "B"), newPerson(3, ward, "surname", "New", "expiry_date", "2027-01-01"),
		newPerson(4, ward), newPerson(5, unverified, "age", "x"))
	if err != nil || stats != (events.DatabaseStats{Total: 5, Inserts: 1, Updates: 2, Unchanged: 1, Errors: 1}) ||
		w.dumpMembers() == before {
		t.Fatalf("%+v, %v", stats, err)
	}
	for range 2 { // the second call finds nothing to do
		if err := w.Undo(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		if after := w.dumpMembers(); after != before {
			t.Fatalf("before\n%s\nafter\n%s", before, after)
		}
	}
	var rows int
	if err := w.db.Get(&rows, `SELECT (SELECT count(*) FROM job_ledger WHERE job_id = $1)
  + (SELECT count(*) FROM job_outcomes WHERE job_id = $1)`, job.ID); err != nil || rows != 0 {
		t.Errorf("%d rows of the job left, %v", rows, err)
	}
	// A retry writes the job again.
	if _, again, err := w.writeJob(t.Context(), job, newPerson(4, ward)); err != nil || again.Inserts != 1 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestUndoKeepsLaterChangesOfOtherJobs(t *testing.T) {
	w := newFixture(t)
	w.upload(newPerson(1, unverified, "firstname", "Old", "surname", "Old"))
	job := newJob(2, events.Options{})
	if _, _, err := w.writeJob(t.Context(), job, newPerson(1, unverified, "firstname", "Mine", "surname", "Mine"),
		newPerson(2, unverified, "firstname", "Mine")); err != nil {
		t.Fatal(err)
	}
	w.upload(newPerson(1, unverified, "firstname", "Theirs"), newPerson(2, unverified, "surname", "Theirs"))
	theirs := w.member(1)["updated_by_job"]
	if err := w.Undo(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	w.expectMember(1, map[string]string{"firstname": "Theirs", "surname": "Old", "updated_by_job": theirs})
	w.expectMember(2, map[string]string{"firstname": "Mine", "surname": "Theirs"})
}

// A worker may not know yet that it has lost its lease.
func TestUndoWaitsForARunningCommit(t *testing.T) {
	w := newFixture(t)
	job, list := newJob(1, events.Options{}), []person{newPerson(1, unverified, "firstname", "Late")}
	undone := make(chan error, 1)
	err := w.mergePeople(t.Context(), job, numberRows(list), func(int, string) {}, func(tx *sqlx.Tx, _ bool) error {
		var pid int
		if err := tx.Get(&pid, `SELECT pg_backend_pid()`); err != nil {
			return err
		}
		go func() { undone <- w.Undo(t.Context(), job) }()
		eventstest.Wait(t, "the undo to wait for the commit", func() bool {
			return w.countRows(fmt.Sprintf("pg_stat_activity WHERE %d = ANY (pg_blocking_pids(pid))", pid)) > 0
		})
		return nil
	})
	if err := errors.Join(err, <-undone); err != nil {
		t.Fatal(err)
	}
	if m, l := w.countRows("members"), w.countRows("job_ledger"); m != 0 || l != 0 {
		t.Errorf("%d members, %d ledger rows", m, l)
	}
}
