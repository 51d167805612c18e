package persistence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

func TestDryRunWritesNothingAndReturnsAllOutcomes(t *testing.T) {
	w := newFixture(t)
	w.upload(newPerson(1, unverified, "firstname", "Old"), newPerson(2, unverified, "firstname", "Same"))
	list := []person{newPerson(1, unverified, "firstname", "New"), newPerson(2, unverified, "firstname", "Same"),
		newPerson(3, unverified), newPerson(4, unverified, "age", "x")}
	got, stats, err := w.writeJob(t.Context(), newJob(4, events.Options{DryRun: true}), list...)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{records.Updated, records.Unchanged, records.Inserted, records.Refused} {
		if got[i].Result != want {
			t.Errorf("outcome %+v, want %s", got[i], want)
		}
	}
	if stats.Inserts != 1 || stats.Updates != 1 || stats.Unchanged != 1 || stats.Errors != 1 {
		t.Errorf("stats %+v", stats)
	}
	w.expectMember(1, map[string]string{"firstname": "Old"})
	if m, l, o := w.countRows("members"), w.countRows("job_ledger"), w.countRows("job_outcomes"); m != 2 || l != 1 ||
		o != 2 {
		t.Errorf("%d members, %d ledger rows, %d outcomes", m, l, o)
	}
	// The real run does what the dry run predicted.
	real, _, err := w.writeJob(t.Context(), newJob(4, events.Options{}), list...)
	if err != nil || !reflect.DeepEqual(real, got) {
		t.Errorf("dry %+v\nreal %+v, %v", got, real, err)
	}
}

func TestLedgerPreventsASecondWrite(t *testing.T) {
	w := newFixture(t)
	job := newJob(2, events.Options{})
	first, _, err := w.writeJob(t.Context(), job, newPerson(1, unverified, "firstname", "A"), newPerson(2, unverified))
	if err != nil {
		t.Fatal(err)
	}
	w.upload(newPerson(1, unverified, "firstname", "B"))
	again, _, err := w.writeJob(t.Context(), job, newPerson(1, unverified, "firstname", "A"), newPerson(2, unverified))
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Fatalf("first %+v\nagain %+v, %v", first, again, err)
	}
	w.expectMember(1, map[string]string{"firstname": "B"})
}

// Of several workers on one job, one writes. A worker that seemed dead may still
// be at work.
func TestManyWorkersWriteOneJobOnce(t *testing.T) {
	w := newFixture(t)
	w.upload(newPerson(0, unverified, "firstname", "Old"))
	job := newJob(50, events.Options{})
	const workers = 6
	results := make([][]records.Outcome, workers)
	release := make(chan struct{})
	var all sync.WaitGroup
	for k := range workers {
		var list []person
		for i := range 50 {
			list = append(list, newPerson(i, unverified, "firstname", "New"))
		}
		all.Go(func() {
			<-release
			got, _, err := w.writeJob(t.Context(), job, list...)
			if err != nil {
				t.Error(err)
			}
			results[k] = got
		})
	}
	close(release)
	all.Wait()
	for _, got := range results {
		if len(got) != 50 || got[0].Result != records.Updated || !reflect.DeepEqual(got, results[0]) {
			t.Fatalf("%d outcomes, first %+v", len(got), got[0])
		}
	}
	if n := w.countRows("members"); n != 50 {
		t.Errorf("%d members", n)
	}
}

func TestJobsWithTheSamePeopleDoNotDeadlockOrDuplicate(t *testing.T) {
	w := newFixture(t)
	const size, jobs, rounds = 120, 4, 12
	for round := range rounds {
		// A quarter of the people are members already.
		var known []person
		for i := range size / 4 {
			known = append(known, newPerson(round*size+i*4, unverified, "firstname", "Known"))
		}
		w.upload(known...)
		release := make(chan struct{})
		inserted := make([]int, jobs)
		var all sync.WaitGroup
		for k := range jobs {
			var list []person
			for _, i := range rand.Perm(size) {
				list = append(list, newPerson(round*size+i, registered("79800001", "32840123"), "firstname",
					string(rune('A'+k))))
			}
			if k == 0 {
				list[size/2].row.Fields["age"] = "x" // this job has to halve
			}
			all.Go(func() {
				<-release
				_, stats, err := w.writeJob(t.Context(), newJob(size, events.Options{}), list...)
				if err != nil {
					t.Errorf("job %d: %v", k, err)
				}
				inserted[k] = stats.Inserts
			})
		}
		close(release)
		all.Wait()
		sum := 0
		for _, n := range inserted {
			sum += n
		}
		if sum != size-size/4 {
			t.Errorf("%d inserts, want %d", sum, size-size/4)
		}
	}
	if n := w.countRows("members"); n != size*rounds {
		t.Errorf("%d members", n)
	}
	// Each overwritten value is in before of one job only.
	var twice int
	if err := w.db.Get(&twice, `SELECT count(*) FROM (SELECT FROM job_outcomes WHERE result = 'updated'
GROUP BY id_number, before->>'firstname' HAVING count(*) > 1) o`); err != nil || twice != 0 {
		t.Errorf("%d values before are stale, %v", twice, err)
	}
}

func TestCancelLeavesTheDatabaseAsItWas(t *testing.T) {
	list := []person{newPerson(1, unverified, "firstname", "New"), newPerson(2, unverified), newPerson(3, unverified)}
	type attempt = func(w *fixture, job *events.Job, cancel context.CancelCauseFunc, ctx context.Context) error
	for name, when := range map[string]attempt{
		"while rows are copied": func(w *fixture, job *events.Job, cancel context.CancelCauseFunc,
			ctx context.Context) error {
			return w.mergePeople(ctx, job, numberRows(list), func(int, string) { cancel(stage.ErrCancelled) },
				func(*sqlx.Tx, bool) error { return nil })
		},
		"after the last statement": func(w *fixture, job *events.Job, cancel context.CancelCauseFunc,
			ctx context.Context) error {
			return w.mergePeople(ctx, job, numberRows(list), func(int, string) {},
				func(*sqlx.Tx, bool) error { cancel(stage.ErrCancelled); return nil })
		},
		"while a statement waits for a lock": func(w *fixture, job *events.Job, cancel context.CancelCauseFunc,
			ctx context.Context) error {
			other := w.db.MustBegin()
			defer func() { _ = other.Rollback() }()
			var pid int
			if err := other.Get(&pid, `SELECT pg_backend_pid() FROM members FOR UPDATE`); err != nil {
				return err
			}
			done := make(chan error)
			go func() {
				done <- w.mergePeople(ctx, job, numberRows(list), func(int, string) {},
					func(*sqlx.Tx, bool) error { return nil })
			}()
			eventstest.Wait(w.t, "a blocked statement", func() bool {
				return w.countRows(fmt.Sprintf("pg_stat_activity WHERE %d = ANY (pg_blocking_pids(pid))", pid)) > 0
			})
			cancel(stage.ErrCancelled)
			return <-done
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.upload(newPerson(1, unverified, "firstname", "Old"))
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			job := newJob(len(list), events.Options{})
			if err := when(w, job, cancel, ctx); err == nil {
				t.Fatal("no error")
			}
			w.expectMember(1, map[string]string{"firstname": "Old"})
			if m, l, o := w.countRows("members"), w.countRows("job_ledger"), w.countRows("job_outcomes"); m != 1 ||
				l != 1 || o != 1 {
				t.Errorf("%d members, %d ledger rows, %d outcomes", m, l, o)
			}
			// Nothing is left open that would block another attempt.
			if _, stats, err := w.writeJob(t.Context(), job, list...); err != nil || stats.Inserts != 2 ||
				stats.Updates != 1 {
				t.Errorf("next attempt: %+v, %v", stats, err)
			}
		})
	}
}

func TestLostConnectionCanBeRetried(t *testing.T) {
	w := newFixture(t)
	job := newJob(1, events.Options{})
	kill := func(tx *sqlx.Tx, _ bool) error {
		var pid int
		if err := tx.Get(&pid, `SELECT pg_backend_pid()`); err != nil {
			return err
		}
		_, err := w.db.Exec(`SELECT pg_terminate_backend($1, 5000)`, pid)
		return err
	}
	err := w.mergePeople(t.Context(), job, numberRows([]person{newPerson(1, unverified)}), func(int, string) {}, kill)
	var reject *stage.Rejection
	if err == nil || errors.As(err, &reject) {
		t.Fatalf("commit on a lost connection: %v", err)
	}
	if n := w.countRows("members"); n != 0 {
		t.Fatalf("%d members", n)
	}
	if _, stats, err := w.writeJob(t.Context(), job, newPerson(1, unverified)); err != nil || stats.Inserts != 1 {
		t.Fatalf("next attempt: %+v, %v", stats, err)
	}
}

func TestErrorWhileReadingWritesNothing(t *testing.T) {
	w := newFixture(t)
	bad := func(yield func(person, error) bool) {
		p := newPerson(1, unverified)
		p.row.N = 2
		_ = yield(p, nil) && yield(person{}, errMismatch)
	}
	err := w.mergePeople(t.Context(), newJob(2, events.Options{}), bad, func(int, string) {}, nil)
	if !errors.Is(err, errMismatch) {
		t.Fatalf("err = %v", err)
	}
	// Validation never lets a repeated ID number through.
	_, _, err = w.writeJob(t.Context(), newJob(2, events.Options{}), newPerson(1, unverified), newPerson(1, unverified))
	if p, ok := errors.AsType[*pq.Error](err); !ok || p.Code != "23505" {
		t.Fatalf("err = %v", err)
	}
	if m, l := w.countRows("members"), w.countRows("job_ledger"); m != 0 || l != 0 {
		t.Errorf("%d members, %d ledger rows", m, l)
	}
}

func TestPanicLeavesNoTransactionOpen(t *testing.T) {
	w := newFixture(t)
	job := newJob(2, events.Options{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_ = w.mergePeople(t.Context(), job, func(yield func(person, error) bool) {
			p := newPerson(1, unverified)
			p.row.N = 2
			yield(p, nil)
			panic("decoder bug")
		}, func(int, string) {}, nil)
	}()
	const open = "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
	if n := w.countRows(open); n != 0 {
		t.Errorf("%d transactions are open", n)
	}
	if _, stats, err := w.writeJob(t.Context(), job, newPerson(1, unverified), newPerson(2, unverified)); err != nil ||
		stats.Inserts != 2 {
		t.Errorf("next attempt: %+v, %v", stats, err)
	}
}
