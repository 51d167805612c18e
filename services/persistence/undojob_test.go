package persistence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
	"pgregory.net/rapid"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// undoAndRead undoes a job and returns the outcomes as the artifact has them.
func (w *fixture) undoAndRead(ctx context.Context,
	undone string) (got []records.Outcome, stats events.DatabaseStats, err error) {
	job := &events.Job{ID: events.UndoJobID(undone), Options: events.Options{Undoes: undone},
		Uploaded: &events.Uploaded{}}
	err = w.undoJob(ctx, job, events.Country(), func(int, string) {}, func(tx *sqlx.Tx, _ bool) error {
		stats, err = outcomeReader{jobID: job.ID}.each(ctx, tx,
			func(o *records.Outcome) error { got = append(got, *o); return nil })
		return err
	})
	return got, stats, err
}

func (w *fixture) mustWriteJob(list ...person) *events.Job {
	w.t.Helper()
	job := newJob(len(list), events.Options{})
	if _, _, err := w.writeJob(w.t.Context(), job, list...); err != nil {
		w.t.Fatal(err)
	}
	return job
}

func TestUndoJobRestoresRemovesAndKeeps(t *testing.T) {
	w := newFixture(t)
	ward := registered("79800001", "32840123")
	w.upload(newPerson(1, ward, "firstname", "A", "age", "40"), newPerson(2, unverified, "firstname", "B"),
		newPerson(3, unverified, "firstname", "C"))
	before := w.dumpMembers()
	w.clock = noon.AddDate(0, 0, 1)
	moved := registered("79800002", "32840555")
	job := w.mustWriteJob(newPerson(1, moved, "firstname", "Changed", "membership_amount", "20.00"),
		newPerson(2, unverified), newPerson(3, unverified, "surname", "New"),
		newPerson(4, ward), newPerson(5, ward), newPerson(6, unverified, "age", "x"))
	later := w.mustWriteJob(newPerson(3, unverified, "surname", "Later"), newPerson(5, unverified, "surname", "Later"))
	got, stats, err := w.undoAndRead(t.Context(), job.ID)
	if err != nil || stats != (events.DatabaseStats{Total: 6, Updates: 1, Unchanged: 2, Removed: 1, Kept: 2}) {
		t.Fatalf("%+v, %v", stats, err)
	}
	for i, want := range []string{records.Updated, records.Unchanged, records.Kept, records.Removed, records.Kept,
		records.Unchanged} {
		if got[i].Result != want || got[i].N != i+2 ||
			(want == records.Kept) != (got[i].Error == "Changed since by "+later.ID+", so it is left as it is.") {
			t.Errorf("row %d: %+v, want %s", i+2, got[i], want)
		}
	}
	if o := got[0]; !slices.Contains(o.Changed, "vd_code") || o.Before["vd_code"] != "32840555" ||
		o.After["vd_code"] != "32840123" || o.VD != "32840123" {
		t.Errorf("outcome %+v", o)
	}
	w.expectMember(3, map[string]string{"surname": "Later", "updated_by_job": later.ID})
	w.expectMember(5, map[string]string{"surname": "Later"})
	after := w.dumpMembers()
	if again, stats, err := w.undoAndRead(t.Context(), job.ID); err != nil || len(again) != 6 || stats.Removed != 1 ||
		w.dumpMembers() != after {
		t.Errorf("a second undo changed something: %+v, %v", stats, err)
	}
	// The later job undone, the earlier values can be restored.
	if _, _, err := w.undoAndRead(t.Context(), later.ID); err != nil {
		t.Fatal(err)
	}
	w.expectMember(3, map[string]string{"surname": "New", "updated_by_job": job.ID})
	if w.countRows("members") != 4 || before == w.dumpMembers() {
		t.Errorf("%d members", w.countRows("members"))
	}
}

func TestUndoJobOfAnUnknownJobIsRefused(t *testing.T) {
	w := newFixture(t)
	_, _, err := w.undoAndRead(t.Context(), events.NewJobID())
	var refused *stage.Rejection
	if !errors.As(err, &refused) || refused.Refusal.Code != "nothing_to_undo" || refused.Retryable ||
		w.countRows("job_ledger") != 0 {
		t.Errorf("%v, %d in the ledger", err, w.countRows("job_ledger"))
	}
}

func TestManyWorkersWriteOneUndoJobOnce(t *testing.T) {
	w := newFixture(t)
	job := w.mustWriteJob(newPerson(1, unverified, "firstname", "A"), newPerson(2, unverified))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, stats, err := w.undoAndRead(t.Context(), job.ID); err != nil || stats.Removed != 2 {
				t.Errorf("%+v, %v", stats, err)
			}
		})
	}
	group.Wait()
	if w.countRows("members") != 0 || w.countRows("job_ledger") != 2 {
		t.Errorf("%d members, %d in the ledger", w.countRows("members"), w.countRows("job_ledger"))
	}
}

// Any sequence of uploads and undos leaves the names of a model that keeps, for
// each member, which job wrote it last and the value before that job.
func TestUndoJobsAgreeWithAModel(t *testing.T) {
	type state struct{ name, by string }
	w := newFixture(t)
	rapid.Check(t, func(rt *rapid.T) {
		if _, err := w.db.Exec("TRUNCATE members, job_ledger CASCADE"); err != nil {
			rt.Fatal(err)
		}
		members := map[int]state{}
		type written struct {
			job    *events.Job
			before map[int]*state // nil: no member before
		}
		var jobs []written
		undone := map[int]bool{}
		for range rapid.IntRange(2, 8).Draw(rt, "steps") {
			if len(jobs) > 0 && rapid.Bool().Draw(rt, "undo") {
				i := rapid.IntRange(0, len(jobs)-1).Draw(rt, "which")
				if _, _, err := w.undoAndRead(t.Context(), jobs[i].job.ID); err != nil {
					rt.Fatal(err)
				}
				if undone[i] {
					continue
				}
				undone[i] = true
				for who, was := range jobs[i].before {
					switch {
					case members[who].by != jobs[i].job.ID:
					case was == nil:
						delete(members, who)
					default:
						members[who] = *was
					}
				}
				continue
			}
			var list []person
			who := rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 1, 5, rapid.ID[int]).Draw(rt, "people")
			names := map[int]string{}
			for _, p := range who {
				names[p] = rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "name")
				list = append(list, newPerson(p, unverified, "firstname", names[p]))
			}
			job := w.mustWriteJob(list...)
			step := written{job: job, before: map[int]*state{}}
			for _, p := range who {
				was, there := members[p]
				switch {
				case !there:
					step.before[p] = nil
				case was.name == names[p]:
					continue
				default:
					step.before[p] = &was
				}
				members[p] = state{names[p], job.ID}
			}
			jobs = append(jobs, step)
		}
		if n := w.countRows("members"); n != len(members) {
			rt.Fatalf("%d members, want %d", n, len(members))
		}
		for _, p := range slices.Sorted(maps.Keys(members)) {
			got := w.member(p)
			if want := fmt.Sprint(members[p]); fmt.Sprint(state{got["firstname"], got["updated_by_job"]}) != want {
				rt.Fatalf("member %d is %s by %s, want %s", p, got["firstname"], got["updated_by_job"], want)
			}
		}
	})
}
