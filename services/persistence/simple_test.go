package persistence

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

// Autovacuum may count a table while a job's transaction is open, and finds none of the
// rows that the job has written. No statement may go through all of them for each one.
func TestStatementsUseTheIndexWhateverAutovacuumHasCounted(t *testing.T) {
	w := newFixture(t)
	list := make([]person, 500)
	for i := range list {
		list[i] = newPerson(i, unverified)
	}
	job := newJob(len(list), events.Options{})
	err := w.mergePeople(t.Context(), job, numberRows(list), func(int, string) {}, func(tx *sqlx.Tx, _ bool) error {
		for _, table := range []string{"members", "job_outcome_rows", "job_outcome_groups"} {
			if _, err := w.db.Exec(`ANALYZE ` + table); err != nil {
				return err
			}
		}
		seen := `SELECT o.n, m.firstname FROM job_outcomes o` + seenMembersSQL + ` WHERE o.job_id = $1`
		for _, query := range []string{seen, writtenSQL} {
			var plan []string
			if err := tx.Select(&plan, `EXPLAIN `+query, job.ID); err != nil {
				return err
			}
			if text := strings.Join(plan, "\n"); !strings.Contains(text, "Index Scan using members_id_number_key on members") {
				t.Errorf("%s", text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who becomes a member between the look and the insertion is merged like any other.
func TestStrangersWhoBecomeMembersMeanwhile(t *testing.T) {
	w := newFixture(t)
	other, err := w.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback() }() // does nothing after Commit
	var pid int
	if err := other.Get(&pid, `SELECT pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	other.MustExec(`INSERT INTO members (id_number, firstname, created_at, updated_at, created_by_job, updated_by_job)
VALUES ($1, 'Old', now(), now(), 'job-0', 'job-0')`, idNumber(2))
	var got []records.Outcome
	done := make(chan error)
	go func() {
		var err error
		got, _, err = w.writeJob(t.Context(), newJob(3, events.Options{}), newPerson(1, unverified, "firstname", "A"),
			newPerson(2, unverified, "firstname", "New"), newPerson(3, unverified, "firstname", "C"))
		done <- err
	}()
	eventstest.Wait(t, "the job to wait for the other", func() bool {
		return w.countRows(fmt.Sprintf("pg_stat_activity WHERE %d = ANY (pg_blocking_pids(pid))", pid)) > 0
	})
	if err := other.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{records.Inserted, records.Updated, records.Inserted} {
		if got[i].Result != want {
			t.Errorf("outcome %+v, want %s", got[i], want)
		}
	}
	w.expectMember(2, map[string]string{"firstname": "New", "created_by_job": "job-0"})
	var members int
	if err := w.db.Get(&members, `SELECT sum(members) FROM ward_changes`); err != nil || members != 3 {
		t.Errorf("%d members are counted, %v", members, err)
	}
}
